"""The machines over HTTP."""

import json
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from autoprec_probe.agent.report import LARGEST_BODY_BYTES, LONGEST_BATCH, Report, ReportBatch
from autoprec_service.store import Store
from autoprec_service.testing import PROFILE, make_report
from autoprec_service.testing.factories import STARTED_AT

PROBLEM = "application/problem+json"


def batch(*reports: Report) -> dict[str, Any]:
    fields: dict[str, Any] = ReportBatch(sent_at=STARTED_AT, reports=reports).model_dump(mode="json")
    return fields


def test_a_report_becomes_the_state_of_its_machine(client: TestClient) -> None:
    response = client.put("/nodes/node-1", json=batch(make_report(1, load=2.5, profile=PROFILE)))
    assert (200, {"stored": 1, "known": 0, "profile_wanted": False}) == (response.status_code, response.json())
    node = client.get("/nodes/node-1").json()
    assert ("node-1", "cpu-x86-base") == (node["name"], node["hardware_key"])
    assert 2.5 == node["telemetry"]["host"]["load_average"]
    assert [node | {"seconds_since_seen": 0}] == [
        each | {"seconds_since_seen": 0} for each in client.get("/nodes").json()
    ]


def test_sending_again_does_no_harm(client: TestClient) -> None:
    client.put("/nodes/node-1", json=batch(make_report(1)))
    receipt = client.put("/nodes/node-1", json=batch(make_report(1), make_report(2))).json()
    assert {"stored": 1, "known": 1, "profile_wanted": True} == receipt


def test_reports_are_listed_by_kind_one_page_at_a_time(client: TestClient) -> None:
    client.put("/nodes/n", json=batch(make_report(1, profile=PROFILE), make_report(2), make_report(3)))

    def listed(**params: Any) -> list[int]:
        return [each["sequence"] for each in client.get("/nodes/n/reports", params=params).json()]

    assert ([1], [2, 3], [2]) == (
        listed(kind="profile"),
        listed(kind="telemetry"),
        listed(limit=1, after=make_report(1).id),
    )


def test_a_machine_that_never_reported_is_a_problem_with_the_way_out(client: TestClient) -> None:
    for path in ("/nodes/none", "/nodes/none/reports"):
        response = client.get(path)
        assert (404, PROBLEM) == (response.status_code, response.headers["content-type"])
        assert "GET /nodes" in response.json()["detail"]


def test_a_silent_machine_is_stale(client: TestClient, store: Store) -> None:
    client.put("/nodes/fresh", json=batch(make_report(1)))
    store.add_reports("silent", [make_report(1)], sent_at=STARTED_AT, received_at=STARTED_AT)
    states = {each["name"]: each for each in client.get("/nodes").json()}
    assert (False, True) == (states["fresh"]["stale"], states["silent"]["stale"])
    assert states["silent"]["seconds_since_seen"] > timedelta(days=300).total_seconds()


@pytest.mark.parametrize("name", ["a b", "-x", ".hidden", "x" * 254, "ü", "a%0Ab", "%00", "a;DROP TABLE nodes"])
def test_other_names_are_refused(client: TestClient, name: str) -> None:
    response = client.put(f"/nodes/{name}", json=batch(make_report(1)))
    assert (422, PROBLEM) == (response.status_code, response.headers["content-type"])


@pytest.mark.parametrize("path", ["/nodes/a/b", "/nodes/..%2f..", "/nodes/"])
def test_a_name_never_reaches_beyond_its_place(client: TestClient, path: str) -> None:
    assert client.put(path, json=batch(make_report(1))).status_code in {307, 404, 405}


def change(**fields: Any) -> str:
    told = batch(make_report(1))
    return json.dumps(told | {"reports": [told["reports"][0] | fields]})


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '{"sent_at": "2025-01-01T00:00:00Z", "reports": []}',
        json.dumps(batch(make_report(1)) | {"sent_at": "2025-01-01T00:00:00"}),
        json.dumps(batch(make_report(1)) | {"weights": 1}),
        change(id="x"),
        change(id="\ud800"),
        change(sequence=-1),
        change(sequence=10**30),
        change(interval_seconds=float("nan")),
        change(telemetry={"host": {"load_average": float("inf")}}),
        change(telemetry={"host": {"load_average": "\ud800"}}),
        change(profile={"system": "Linux"}),
        change(error="x" * 2001),
        change(unknown="field"),
        "[" * 100_000,
    ],
)
def test_what_does_not_fit_the_schema_is_refused_and_nothing_is_stored(
    client: TestClient, store: Store, body: str
) -> None:
    response = client.put("/nodes/n", content=body, headers={"Content-Type": "application/json"})
    assert PROBLEM == response.headers["content-type"]
    assert response.status_code in {400, 422}
    assert response.json()["detail"]
    assert [] == store.nodes()


def test_too_many_reports_at_once_are_refused(client: TestClient) -> None:
    told = batch(make_report(1))
    response = client.put("/nodes/n", json=told | {"reports": told["reports"] * (LONGEST_BATCH + 1)})
    assert (422, True) == (response.status_code, str(LONGEST_BATCH) in response.json()["detail"])


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(client: TestClient, store: Store, *, chunked: bool) -> None:
    body = json.dumps(batch(make_report(1))).encode() + b" " * LARGEST_BODY_BYTES
    content = iter([body[:1000], body[1000:]]) if chunked else body
    response = client.put("/nodes/n", content=content, headers={"Content-Type": "application/json"})
    assert (413, PROBLEM) == (response.status_code, response.headers["content-type"])
    assert [] == store.nodes()


@pytest.mark.parametrize("chunked", [False, True])
def test_the_largest_body_is_taken(client: TestClient, *, chunked: bool) -> None:
    body = json.dumps(batch(make_report(1))).encode()
    body += b" " * (LARGEST_BODY_BYTES - len(body))
    content = iter([body[:1000], body[1000:]]) if chunked else body
    assert 200 == client.put("/nodes/n", content=content, headers={"Content-Type": "application/json"}).status_code


def test_a_store_that_is_away_is_a_problem_of_the_service(client: TestClient, app: FastAPI) -> None:
    app.state.store.close()
    assert 503 == client.put("/nodes/n", json=batch(make_report(1))).status_code
