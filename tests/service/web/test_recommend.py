"""Advice over HTTP."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

from autoprec_service.store import Store
from autoprec_service.testing import make_study, make_trial

QUESTION = {"model_fingerprint": "model-a", "hardware_key": "cpu-x86-2c"}


def fill(store: Store) -> None:
    store.save_study(make_study(status="complete"))
    store.add_trials([make_trial("32-true"), make_trial("bf16-mixed", seconds=0.5)])


def test_an_answer_is_measured_where_there_is_a_study(client: TestClient, store: Store) -> None:
    fill(store)
    answer = client.post("/recommend", json=QUESTION | {"current": {"precision": "32-true"}}).json()
    assert ("bf16-mixed", "measured") == (answer["precision"], answer["basis"])
    assert 2.0 == answer["gain_over_current"]["value"]
    assert {"precision": "bf16-mixed"} == answer["frameworks"]["fabric"]["arguments"]


def test_where_nothing_is_known_the_answer_says_what_to_run(client: TestClient) -> None:
    response = client.post("/recommend", json=QUESTION)
    answer = response.json()
    assert (200, None) == (response.status_code, answer["precision"])
    assert "autoprec suggest WORKLOAD" in answer["run"]


def test_a_question_without_a_model_is_refused(client: TestClient) -> None:
    response = client.post("/recommend", json={"hardware_key": "cpu-x86-2c"})
    assert 422 == response.status_code
    assert "autoprec.describe" in response.json()["detail"]


def test_a_node_that_never_reported_is_not_found(client: TestClient) -> None:
    response = client.post("/recommend", json={"model_fingerprint": "model-a", "node": "nobody"})
    assert 404 == response.status_code
    assert "No agent has reported a node 'nobody'" in response.json()["detail"]


def test_code_and_weights_are_not_taken(client: TestClient) -> None:
    assert 422 == client.post("/recommend", json=QUESTION | {"weights": "…"}).status_code


def test_calibration_says_that_nothing_was_judged_yet(client: TestClient) -> None:
    answer = client.get("/calibration").json()
    assert ("prior", 0, []) == (answer["method"], answer["n"], answer["bins"])


def test_what_was_answered_is_remembered_when_the_service_ends(app: FastAPI, store: Store) -> None:
    fill(store)
    with TestClient(app) as client:
        answer = client.post("/recommend", json=QUESTION).json()
    (kept,) = store.recommendations()
    assert (answer["id"], "bf16-mixed", "measured") == (kept.id, kept.precision, kept.basis)
    assert answer["evidence"] == list(kept.evidence)
