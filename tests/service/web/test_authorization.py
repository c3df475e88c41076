"""Every route x everyone who may not ask. A route without a row here fails the first test."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from autoprec_probe.agent.report import ReportBatch
from autoprec_runner.description import ModelDescription
from autoprec_service.access import SCOPES, Access, IssuedToken, Scope, open_access
from autoprec_service.run import Run
from autoprec_service.settings import Settings
from autoprec_service.store import Store
from autoprec_service.testing import PROFILE, make_report, make_study, make_trial
from autoprec_service.testing.factories import STARTED_AT
from autoprec_service.web.app import create_app

STUDY = make_study(status="complete")
TRIAL = make_trial(id="trial-1")
RUN = Run(
    id="run-1",
    workload="a small model",
    hardware_key=STUDY.hardware_key,
    precision="32-true",
    started_at=STARTED_AT,
    seen_at=STARTED_AT,
)
DESCRIPTION = ModelDescription(
    model_fingerprint=STUDY.model_fingerprint,
    workload_key=STUDY.workload_key,
    name="a small model",
    mode="train",
    parameters=10,
)
SECRETS = ("study-a", "trial-1", "run-1", "model-a", "workload-a", "node-1", "a small model", "of the owner")
"""What only the owner of the rows may see."""


def plain(record: Any) -> Any:
    return record.model_dump(mode="json", round_trip=True)


@dataclass(frozen=True, kw_only=True)
class Row:
    method: str
    path: str
    needs: Scope | Literal["nothing", "any", "operator"]
    asked: str | None = None
    body: Any = None
    elsewhere: int = 200
    """What someone of another tenant gets who may ask there."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


BATCH = plain(ReportBatch(sent_at=STARTED_AT, reports=(make_report(1, profile=PROFILE),)))
QUESTION = {"model_fingerprint": STUDY.model_fingerprint, "hardware_key": STUDY.hardware_key}

ROWS = [
    Row(method="GET", path="/healthz", needs="nothing"),
    Row(method="GET", path="/readyz", needs="nothing"),
    Row(method="GET", path="/openapi.json", needs="any"),
    Row(method="GET", path="/metrics", needs="operator", elsewhere=403),
    Row(method="POST", path="/recommend", needs="read", body=QUESTION),
    Row(method="GET", path="/calibration", needs="read"),
    Row(method="POST", path="/studies", needs="report", body=[plain(STUDY)]),
    Row(method="GET", path="/studies", needs="read"),
    Row(method="GET", path="/studies/{study_id}", needs="read", asked="/studies/study-a", elsewhere=404),
    Row(method="POST", path="/trials", needs="report", body=[plain(TRIAL)], elsewhere=409),
    Row(method="GET", path="/trials", needs="read"),
    Row(method="GET", path="/trials/{trial_id}", needs="read", asked="/trials/trial-1", elsewhere=404),
    Row(method="GET", path="/outcomes", needs="read"),
    Row(
        method="PUT",
        path="/models/{fingerprint}",
        needs="report",
        asked="/models/model-a",
        body=plain(DESCRIPTION),
    ),
    Row(method="GET", path="/models", needs="read"),
    Row(method="GET", path="/models/{fingerprint}", needs="read", asked="/models/model-a", elsewhere=404),
    Row(method="GET", path="/hardware", needs="read"),
    Row(method="PUT", path="/nodes/{name}", needs="report", asked="/nodes/node-1", body=BATCH),
    Row(method="GET", path="/nodes", needs="read"),
    Row(method="GET", path="/nodes/{name}", needs="read", asked="/nodes/node-1", elsewhere=404),
    Row(method="GET", path="/nodes/{name}/reports", needs="read", asked="/nodes/node-1/reports", elsewhere=404),
    Row(method="PUT", path="/runs/{run_id}", needs="report", asked="/runs/run-1", body=plain(RUN)),
    Row(method="GET", path="/runs", needs="read"),
    Row(method="GET", path="/events", needs="read"),
    Row(method="POST", path="/tokens", needs="admin", body={"name": "new", "scopes": ["read"]}, elsewhere=201),
    Row(method="GET", path="/tokens", needs="admin"),
    Row(method="DELETE", path="/tokens/{token_id}", needs="admin", asked="/tokens/{owned}", elsewhere=404),
    Row(method="GET", path="/audit", needs="admin"),
]
CLOSED = [row for row in ROWS if row.needs != "nothing"]


@pytest.fixture
def app(db: str) -> FastAPI:
    return create_app(Settings(db=db))


@pytest.fixture
def access(db: str) -> Iterator[Access]:
    with open_access(db) as opened:
        yield opened


@pytest.fixture
def client(app: FastAPI, access: Access, store: Store) -> Iterator[TestClient]:
    """The service with rows of the tenant `default`, and a token that belongs to nobody who asks."""
    store.save_study(STUDY)
    store.add_trials([TRIAL])
    store.save_run(RUN)
    store.save_description(DESCRIPTION)
    store.add_reports("node-1", [make_report(1, profile=PROFILE)], sent_at=STARTED_AT, received_at=STARTED_AT)
    token(access, "read", name="of the owner")
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def token(access: Access, *scopes: Scope, tenant: str = "default", name: str = "test", **rest: Any) -> IssuedToken:
    return access.tokens.issue(tenant=tenant, name=name, scopes=scopes, created_by="tests", **rest)


def ask(client: TestClient, access: Access, row: Row, shown: str | None) -> tuple[int, str]:
    """Return status and text of the answer; of an endless one only that it has begun."""
    owned = access.tokens.tokens("default")[0].id
    path = (row.asked or row.path).format(owned=owned)
    headers = {} if shown is None else {"Authorization": f"Bearer {shown}"}
    if row.path == "/events":
        client.app.state.stopping.set()  # type: ignore[attr-defined]  # it ends at once
    response = client.request(row.method, path, json=row.body, headers=headers)
    return response.status_code, response.text


def sufficient(row: Row) -> Scope:
    return "read" if row.needs in {"any", "operator", "nothing"} else row.needs  # type: ignore[return-value]


def test_every_route_has_a_row(app: FastAPI) -> None:
    found = {
        (method, str(route.path))
        for route in iter_route_contexts(app.routes)
        for method in (route.methods or {"any"}) - {"HEAD"}
    }
    assert {(row.method, row.path) for row in ROWS} == found


@pytest.mark.parametrize("row", CLOSED, ids=str)
def test_without_a_good_token_nobody_is_answered(client: TestClient, access: Access, row: Row) -> None:
    expired = access.tokens.issue(
        tenant="default",
        name="short",
        scopes=SCOPES,
        created_by="tests",
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    revoked = token(access, *SCOPES)
    access.tokens.revoke(revoked.id, tenant="default")
    strangers = {
        "none": None,
        "revoked": revoked.token,
        "unknown": f"ap_{'0' * 12}_{'A' * 43}",
        "another secret": expired.token[:-43] + "A" * 43,
        "no token": "ap_",
        "hash": "0" * 64,
    }
    end(access, expired)
    strangers["expired"] = expired.token
    assert dict.fromkeys(strangers, 401) == {
        name: ask(client, access, row, shown)[0] for name, shown in strangers.items()
    }


def end(access: Access, issued: IssuedToken) -> None:
    """Let a token have ended a second ago."""
    with access.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE tokens SET expires_at = {datetime.now(UTC).timestamp() - 1} WHERE id = '{issued.id}'"  # noqa: S608
        )


@pytest.mark.parametrize("row", [row for row in CLOSED if row.needs in SCOPES], ids=str)
def test_another_scope_is_refused(client: TestClient, access: Access, row: Row) -> None:
    others = [each for each in SCOPES if each not in {row.needs, "admin"}]
    status, text = ask(client, access, row, token(access, *others).token)
    assert 403 == status
    assert f"scope '{row.needs}'" in text
    assert [] == [each for each in SECRETS if each in text]


@pytest.mark.parametrize("row", CLOSED, ids=str)
@pytest.mark.parametrize("as_admin", [False, True])
def test_the_right_scope_and_an_admin_are_let_in(
    client: TestClient, access: Access, row: Row, *, as_admin: bool
) -> None:
    shown = token(access, "admin" if as_admin else sufficient(row)).token
    assert ask(client, access, row, shown)[0] < 300


@pytest.mark.parametrize("row", CLOSED, ids=str)
def test_nothing_of_one_tenant_reaches_another(client: TestClient, access: Access, store: Store, row: Row) -> None:
    before = everything(store)
    status, text = ask(client, access, row, token(access, sufficient(row), tenant="other").token)
    assert row.elsewhere == status
    if row.method == "GET" and row.path != "/openapi.json":
        assert [] == [each for each in SECRETS if each in text and each not in (row.asked or "")]
    assert before == everything(store)
    assert access.tokens.tokens("default")[0].revoked_at is None


def everything(store: Store) -> list[Any]:
    return [
        store.studies(),
        store.trials(),
        store.runs(),
        store.nodes(),
        store.description("model-a"),
        store.outcomes(),
    ]


def test_what_another_tenant_writes_is_its_own(client: TestClient, access: Access, store: Store) -> None:
    theirs = {"Authorization": f"Bearer {token(access, 'report', 'read', tenant='other').token}"}
    study = plain(STUDY.model_copy(update={"workload": "another"}))
    assert 200 == client.post("/studies", json=[study], headers=theirs).status_code
    assert 200 == client.post("/trials", json=[plain(TRIAL)], headers=theirs).status_code
    assert ["another"] == [each["workload"] for each in client.get("/studies", headers=theirs).json()]
    assert [STUDY] == store.studies()


def test_an_admin_makes_tokens_for_the_own_tenant_alone(client: TestClient, access: Access) -> None:
    theirs = {"Authorization": f"Bearer {token(access, 'admin', tenant='other').token}"}
    made = client.post("/tokens", json={"name": "new", "scopes": ["read"]}, headers=theirs).json()
    assert ("other", made["id"]) == (made["tenant"], access.tokens.tokens("other")[-1].id)
    refused = client.post("/tokens", json={"name": "new", "scopes": ["read"], "tenant": "default"}, headers=theirs)
    assert 422 == refused.status_code


def test_a_secret_is_shown_once_and_stored_nowhere(client: TestClient, access: Access, db: str) -> None:
    admin = {"Authorization": f"Bearer {token(access, 'admin').token}"}
    made = client.post("/tokens", json={"name": "new", "scopes": ["read"]}, headers=admin).json()
    secret = made["token"].rpartition(made["id"])[2].removeprefix("_")
    assert 43 == len(secret)
    assert secret not in client.get("/tokens", headers=admin).text + client.get("/audit", headers=admin).text
    stored = b"".join(each.read_bytes() for each in Path(db).parent.iterdir() if each.is_file())
    assert made["id"].encode() in stored
    assert secret.encode() not in stored


def test_a_revoked_token_is_refused_at_once_by_the_process_that_revoked_it(client: TestClient, access: Access) -> None:
    admin, reader = token(access, "admin"), token(access, "read")
    shown = {"Authorization": f"Bearer {reader.token}"}
    assert 200 == client.get("/trials", headers=shown).status_code
    gone = client.delete(f"/tokens/{reader.id}", headers={"Authorization": f"Bearer {admin.token}"})
    assert (200, 401) == (gone.status_code, client.get("/trials", headers=shown).status_code)


def test_the_first_token_that_is_made_ends_that_everybody_is_admin(db: str) -> None:
    with TestClient(create_app(Settings(db=db))) as client:
        made = client.post("/tokens", json={"name": "first", "scopes": ["admin"]})
        assert (201, "anonymous") == (made.status_code, made.json()["created_by"])
        assert 401 == client.get("/trials").status_code
        shown = {"Authorization": f"Bearer {made.json()['token']}"}
        assert 200 == client.get("/trials", headers=shown).status_code


def test_a_token_in_a_cookie_counts_unless_a_header_shows_another(client: TestClient, access: Access) -> None:
    good = token(access, "read").token
    client.cookies.set("autoprec_token", good)
    assert 200 == client.get("/trials").status_code
    assert 401 == client.get("/trials", headers={"Authorization": "Bearer ap_"}).status_code
    client.cookies.set("autoprec_token", f"{good}x")
    assert 401 == client.get("/trials").status_code


def test_a_page_of_another_site_cannot_write(client: TestClient, access: Access) -> None:
    shown = {"Authorization": f"Bearer {token(access, 'report').token}"}
    for origin, expected in (("http://testserver", 200), ("https://elsewhere.example", 403), ("null", 403)):
        response = client.post("/studies", json=[plain(STUDY)], headers=shown | {"Origin": origin})
        assert (origin, expected) == (origin, response.status_code)
