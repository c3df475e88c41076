from fastapi import FastAPI
from fastapi.testclient import TestClient

from autoprec_service.store import Store
from autoprec_service.testing import make_study, make_trial


def fill(store: Store) -> dict[str, str]:
    """Store a complete study in which bf16-mixed is twice as fast; return what identifies it."""
    study = make_study(status="complete")
    store.save_study(study)
    trials = [make_trial("32-true", seconds=1.0, id="slow"), make_trial("bf16-mixed", seconds=0.5, id="fast")]
    store.add_trials([each.model_copy(update={"study_id": study.id}) for each in trials])
    return {"model_fingerprint": study.model_fingerprint, "hardware_key": study.hardware_key}


def test_health_is_told(client: TestClient) -> None:
    assert {"status": "ok"} == client.get("/healthz").json()


def test_the_last_study_of_a_model_on_a_machine_answers(client: TestClient, store: Store) -> None:
    answer = client.post("/recommend", json=fill(store)).json()
    assert "bf16-mixed" == answer["precision"]
    assert "measured" == answer["basis"]
    assert {"slow", "fast"} == set(answer["evidence"])


def test_what_was_never_measured_gets_no_precision_and_the_way_out(client: TestClient, store: Store) -> None:
    answer = client.post("/recommend", json=fill(store) | {"hardware_key": "nvidia-t4"}).json()
    assert answer["precision"] is None
    assert "autoprec suggest" in answer["run"]


def test_a_memory_limit_is_respected(client: TestClient, store: Store) -> None:
    answer = client.post("/recommend", json=fill(store) | {"max_memory_bytes": 1}).json()
    assert answer["precision"] is None
    assert "max_memory" in answer["rejected"][0]["reason"]


def test_unknown_fields_are_refused(client: TestClient, store: Store) -> None:
    assert 422 == client.post("/recommend", json=fill(store) | {"weights": "…"}).status_code


def test_trials_come_in_pages(client: TestClient, store: Store) -> None:
    fill(store)
    first = client.get("/trials", params={"limit": 1}).json()
    second = client.get("/trials", params={"limit": 1, "after": first[0]["id"]}).json()
    assert ["slow", "fast"] == [first[0]["id"], second[0]["id"]]


def test_one_trial_is_found_by_its_id(client: TestClient, store: Store) -> None:
    fill(store)
    assert "bf16-mixed" == client.get("/trials/fast").json()["candidate"]["precision"]
    assert 404 == client.get("/trials/none").status_code


def test_a_closed_store_is_a_problem_of_the_service(client: TestClient, app: FastAPI) -> None:
    app.state.store.close()
    assert 503 == client.get("/trials").status_code


def test_a_precision_that_is_not_installed_here_is_taken_as_it_was_recorded(client: TestClient) -> None:
    foreign = {"precision": "float8-of-a-plugin"}
    study = make_study().model_dump(mode="json", round_trip=True) | {"candidates": [{"precision": "32-true"}, foreign]}
    trial = make_trial(id="t").model_dump(mode="json", round_trip=True) | {"candidate": foreign}
    assert {"stored": 1, "known": 0} == client.post("/studies", json=[study]).json()
    assert {"stored": 1, "known": 0} == client.post("/trials", json=[trial]).json()
    assert "float8-of-a-plugin" == client.get("/trials/t").json()["candidate"]["precision"]
    found = client.get("/studies/study-a").json()["candidates"]
    assert ["32-true", "float8-of-a-plugin"] == [each["precision"] for each in found]
