"""What those see who run the service: probes, metrics, logs, headers."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from autoprec_probe.agent.report import ReportBatch
from autoprec_service.settings import Settings
from autoprec_service.store import Store
from autoprec_service.testing import PROFILE, make_report, make_study, make_trial
from autoprec_service.testing.factories import STARTED_AT
from autoprec_service.web.app import create_app
from autoprec_service.web.logs import REQUESTS, JsonLines, TextLines, request_id

TRIALS = [make_trial("32-true", id="a"), make_trial("bf16-mixed", id="b", status="unstable")]


def plain(record: Any) -> Any:
    return record.model_dump(mode="json", round_trip=True)


def sample(client: TestClient, name: str, **labels: str) -> float | None:
    families = list(text_string_to_metric_families(client.get("/metrics").text))
    found = [each.value for family in families for each in family.samples if (each.name, each.labels) == (name, labels)]
    assert len(found) < 2
    return found[0] if found else None


def test_it_is_ready_when_the_database_answers_at_the_right_revision(client: TestClient, app: FastAPI) -> None:
    assert (200, "ready") == ((response := client.get("/readyz")).status_code, response.json()["status"])
    with app.state.access.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    refused = client.get("/readyz")
    assert (503, "application/problem+json") == (refused.status_code, refused.headers["content-type"])
    assert "'0001'" in refused.json()["detail"]


def test_it_is_not_ready_while_it_ends(client: TestClient, app: FastAPI) -> None:
    app.state.stopping.set()
    assert (503, 200) == (client.get("/readyz").status_code, client.get("/healthz").status_code)


def test_requests_are_counted_by_route_and_never_by_what_was_asked(client: TestClient) -> None:
    for path in ("/trials/one", "/trials/two", "/none", "/none/either"):
        client.get(path)
    client.request("BREW", "/trials")
    assert 2.0 == sample(client, "autoprec_http_requests_total", method="GET", route="/trials/{trial_id}", status="404")
    assert 2.0 == sample(client, "autoprec_http_requests_total", method="GET", route="none", status="404")
    assert 1.0 == sample(client, "autoprec_http_requests_total", method="other", route="/trials", status="405")
    name = "autoprec_http_request_duration_seconds_count"
    assert 2.0 == sample(client, name, method="GET", route="/trials/{trial_id}")
    assert "/one" not in client.get("/metrics").text


def test_what_comes_in_is_counted(client: TestClient) -> None:
    client.post("/studies", json=[plain(make_study(status="complete"))])
    for _ in range(2):
        client.post("/trials", json=[plain(each) for each in TRIALS])
    batch = ReportBatch(sent_at=STARTED_AT, reports=(make_report(1, profile=PROFILE), make_report(2)))
    client.put("/nodes/n", json=plain(batch))
    assert (1.0, 1.0, 2.0) == (
        sample(client, "autoprec_trials_ingested_total", status="ok"),
        sample(client, "autoprec_trials_ingested_total", status="unstable"),
        sample(client, "autoprec_agent_reports_total"),
    )


def test_answers_are_counted_by_what_they_rest_on(client: TestClient) -> None:
    client.post("/studies", json=[plain(make_study(status="complete"))])
    client.post("/trials", json=[plain(each) for each in TRIALS])
    question = {"model_fingerprint": "model-a", "hardware_key": "cpu-x86-2c"}
    answer = client.post("/recommend", json=question).json()
    client.post("/recommend", json=question | {"max_memory_bytes": 1})
    assert 1.0 == sample(client, "autoprec_recommendations_total", basis="measured")
    assert 1.0 == sample(client, "autoprec_recommendations_total", basis="none")
    assert answer["confidence"] == sample(client, "autoprec_recommendation_confidence_sum", basis="measured")


def test_the_store_is_told_of_all_tenants(client: TestClient, store: Store) -> None:
    store.save_study(make_study())
    store.add_trials([TRIALS[0].model_copy(update={"study_id": "study-a"})])
    store.add_reports("n", [make_report(1, profile=PROFILE)], sent_at=STARTED_AT, received_at=STARTED_AT)
    assert (1.0, 1.0, 1.0) == tuple(sample(client, f"autoprec_store_{name}") for name in ("studies", "trials", "up"))
    assert (0.0, 1.0) == tuple(sample(client, "autoprec_nodes", state=state) for state in ("online", "lost"))


def test_a_database_that_is_away_is_told(client: TestClient, app: FastAPI) -> None:
    app.state.store.close()
    assert (0.0, None) == (sample(client, "autoprec_store_up"), sample(client, "autoprec_store_trials"))


def test_the_process_and_its_version_are_told(client: TestClient) -> None:
    text = client.get("/metrics").text
    assert re.search(r'autoprec_build_info\{version="[0-9.]+"\} 1\.0', text)
    assert (sample(client, "process_resident_memory_bytes") or 0) > 1e6


def test_the_docs_tell_every_metric(client: TestClient) -> None:
    docs = Path(__file__).parents[3] / "docs" / "service.md"
    told = docs.read_text(encoding="utf-8")
    families = text_string_to_metric_families(client.get("/metrics").text)
    ours = {each.name for each in families if each.name.startswith("autoprec_")}
    assert len(ours) > 10
    assert [] == [name for name in ours if f"`{name.removesuffix('_created')}" not in told]


def test_metrics_may_be_opened(db: str) -> None:
    tokens = (SecretStr("one"),)
    for is_open, expected in ((False, 401), (True, 200)):
        with TestClient(create_app(Settings(db=db, tokens=tokens, open_metrics=is_open))) as client:
            assert expected == client.get("/metrics").status_code


@pytest.mark.parametrize(("sent", "kept"), [("abc-1.2:3", True), ("a b", False), ("x" * 129, False), ("é", False)])
def test_the_id_of_a_request_comes_back_if_it_is_plain(client: TestClient, sent: str, *, kept: bool) -> None:
    got = client.get("/healthz", headers=[(b"X-Request-ID", sent.encode())]).headers["x-request-id"]
    assert kept == (sent == got)
    assert re.fullmatch(r"[\w.:-]{9,}", got)


def test_every_answer_is_guarded_refusals_included(client: TestClient) -> None:
    for path in ("/healthz", "/none", "/trials/%00", "/trials"):
        headers = client.get(path).headers
        assert "script" not in headers["content-security-policy"]
        assert "default-src 'self'" in headers["content-security-policy"]
        assert ("nosniff", "DENY", "no-store") == (
            headers["x-content-type-options"],
            headers["x-frame-options"],
            headers["cache-control"],
        )
        assert "strict-transport-security" not in headers


def test_a_defect_is_a_problem_that_names_the_request_and_not_the_defect(db: str, caplog: Any) -> None:
    def broken(app: FastAPI) -> None:
        @app.get("/broken")
        def fail() -> None:
            raise RuntimeError("a secret detail")

    with TestClient(create_app(Settings(db=db), extensions=[broken])) as client:
        response = client.get("/broken", headers={"X-Request-ID": "this-one"})
    assert (500, "application/problem+json") == (response.status_code, response.headers["content-type"])
    assert "this-one" in response.json()["detail"]
    assert "secret" not in response.text
    assert "a secret detail" in caplog.text


def record(**fields: Any) -> logging.LogRecord:
    made = logging.LogRecord(REQUESTS, logging.INFO, __file__, 1, "request %s", ("done",), None)
    made.__dict__["fields"] = fields
    return made


def test_json_lines_have_the_fields_of_a_record_and_the_request() -> None:
    forget = request_id.set("id-1")
    line = json.loads(JsonLines().format(record(path="/trials", status=200)))
    request_id.reset(forget)
    line.pop("time")
    expected = {"level": "info", "logger": REQUESTS, "message": "request done", "path": "/trials", "status": 200}
    assert expected | {"request_id": "id-1"} == line


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_nothing_that_is_logged_can_begin_a_line_of_its_own(formatter: logging.Formatter) -> None:
    line = formatter.format(record(path="/a\nlevel=error\x1b[31m"))
    assert (1, False) == (len(line.splitlines()), "\x1b" in line)


def test_a_request_is_logged_with_who_asked(db: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=REQUESTS)
    with TestClient(create_app(Settings(db=db, tokens=(SecretStr("hidden-token"),)))) as client:
        client.get("/trials?model_fingerprint=hidden-query", headers={"Authorization": "Bearer hidden-token"})
    fields = [each.__dict__["fields"] for each in caplog.records if each.name == REQUESTS]
    known = {"method": "GET", "path": "/trials", "status": 200, "tenant": "default", "token": "given-1"}
    assert [known] == [{name: each[name] for name in known} for each in fields]
    assert "hidden" not in str(fields)
