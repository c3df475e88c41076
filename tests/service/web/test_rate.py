"""How often one client may ask."""

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from autoprec_service.settings import Settings
from autoprec_service.web.app import create_app
from autoprec_service.web.rate import Buckets


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_holds_a_minutes_worth_and_is_filled_evenly() -> None:
    clock = Clock()
    buckets = Buckets(60, clock=clock)
    assert [0.0] * 60 == [buckets.take("a") for _ in range(60)]
    assert pytest.approx(1.0) == buckets.take("a")
    clock.now += 0.5
    assert pytest.approx(0.5) == buckets.take("a")
    clock.now += 0.5
    assert 0.0 == buckets.take("a")
    clock.now += 3600
    assert [0.0] * 60 == [buckets.take("a") for _ in range(60)]
    assert buckets.take("a") > 0


def test_each_client_has_its_own() -> None:
    buckets = Buckets(1, clock=Clock())
    assert [0.0, 0.0] == [buckets.take("a"), buckets.take("b")]
    assert buckets.take("a") > 0


def test_who_asks_too_often_is_told_when_to_come_back_and_others_are_served(db: str) -> None:
    tokens = (SecretStr("one"), SecretStr("two"))
    with TestClient(create_app(Settings(db=db, tokens=tokens, rate_limit_per_minute=2))) as client:

        def asked(token: str) -> int:
            return client.get("/trials", headers={"Authorization": f"Bearer {token}"}).status_code

        assert [200, 200, 429] == [asked("one") for _ in range(3)]
        assert [200, 200] == [asked("two") for _ in range(2)]
        refused = client.get("/trials", headers={"Authorization": "Bearer one"})
        assert ("application/problem+json", "30") == (refused.headers["content-type"], refused.headers["retry-after"])
        assert [401, 401, 429] == [asked("guessed") for _ in range(3)]
        assert 200 == client.get("/healthz").status_code
        assert 3 == app_counter(client, "rate_limited")
        assert 2 == app_counter(client, "unauthorized")


def app_counter(client: TestClient, name: str) -> float | None:
    registry = client.app.state.metrics.registry  # type: ignore[attr-defined]
    value: float | None = registry.get_sample_value(f"autoprec_{name}_total")
    return value


def test_zero_sets_no_limit(db: str) -> None:
    with TestClient(create_app(Settings(db=db, rate_limit_per_minute=0))) as client:
        assert {200} == {client.get("/trials").status_code for _ in range(20)}
