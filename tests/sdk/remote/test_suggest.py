"""`suggest()` with a service: it is asked first, told everything, and missed by nobody."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from autoprec import Client
from autoprec.client.attempts import Patience
from autoprec_service.store import open_store
from autoprec_service.testing.process import ServiceProcess

Command = Callable[..., Any]
Place = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def question() -> tuple[str, ...]:
    return ("suggest", "factories.py:tiny", "--candidates", "32-true,bf16-mixed", "--budget", "40", "--json")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Give a machine of its own: a store, and a place for what waits."""
    made = tmp_path_factory.mktemp("machines")
    return lambda name: {"AUTOPREC_DB": str(made / name / "autoprec.db"), "XDG_STATE_HOME": str(made / name)}


@pytest.fixture(scope="module")
def told(
    service: ServiceProcess,
    autoprec_command: Command,
    question: tuple[str, ...],
    place: Place,
) -> Any:
    """The answer of the first machine, which had to measure."""
    done = autoprec_command(*question, AUTOPREC_URL=service.url, **place("first"))
    assert (0, "") == (done.code, done.err)
    return json.loads(done.out)


def test_what_is_measured_is_there_and_here(told: Any, service: ServiceProcess, place: Place) -> None:
    ids = [each["id"] for each in told["trials"]]
    with Client(service.url) as client:
        study = client.study(told["study"]["id"])
        assert study is not None
        assert "complete" == study.status
        assert ids == [each.id for each in client.trials(study_id=study.id)]
        described = client.model(study.model_fingerprint)
        assert described is not None
        assert {"Linear": 2, "ReLU": 1} == described.layers
    with open_store(place("first")["AUTOPREC_DB"]) as store:
        assert ids == [each.id for each in store.trials()]


def test_another_machine_of_the_kind_measures_nothing_and_keeps_the_answer(
    told: Any,
    service: ServiceProcess,
    autoprec_command: Command,
    question: tuple[str, ...],
    place: Place,
) -> None:
    done = autoprec_command(*question, "--url", service.url, **place("second"))
    answer = json.loads(done.out)
    assert (service.url, True, "") == (answer["service"], answer["remembered"], done.err)
    assert [told["precision"], told["trials"]] == [answer["precision"], answer["trials"]]
    again = json.loads(autoprec_command(*question, **place("second")).out)
    assert (None, True, told["trials"]) == (again["service"], again["remembered"], again["trials"])


def test_a_service_that_is_away_costs_a_warning_and_no_answer(
    told: Any, autoprec_command: Command, question: tuple[str, ...], place: Place
) -> None:
    done = autoprec_command(*question, AUTOPREC_URL="http://127.0.0.1:9", **place("first"))
    assert (0, told["trials"]) == (done.code, json.loads(done.out)["trials"])
    assert done.err.startswith("Warning: The service at http://127.0.0.1:9 was asked once and did not answer")


def test_a_service_that_hangs_is_not_waited_for(
    told: Any, autoprec_command: Command, question: tuple[str, ...], place: Place
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = autoprec_command(*question, AUTOPREC_URL=url, **place("first"))
    assert (0, told["trials"]) == (done.code, json.loads(done.out)["trials"])
    assert "did not answer" in done.err


def test_what_was_measured_before_a_service_was_named_is_reported_when_it_is_asked_for(
    told: Any,
    tmp_path: Path,
    autoprec_command: Command,
    question: tuple[str, ...],
    place: Place,
) -> None:
    with ServiceProcess(tmp_path / "new.db") as fresh:
        assert 0 == autoprec_command(*question, AUTOPREC_URL=fresh.url, **place("first")).code
        assert 0 == autoprec_command("trials", "push", AUTOPREC_URL=fresh.url, **place("first")).code
        with Client(fresh.url) as client:
            assert [each["id"] for each in told["trials"]] == [each.id for each in client.trials()]


def test_everything_that_is_stored_can_be_pushed(
    told: Any, tmp_path: Path, autoprec_command: Command, place: Place
) -> None:
    with ServiceProcess(tmp_path / "new.db") as fresh:
        pushed = autoprec_command("trials", "push", "--all", "--json", "--url", fresh.url, **place("first"))
        assert (0, []) == (pushed.code, json.loads(pushed.out)["refused"])
        listed = autoprec_command("trials", "--json", "--url", fresh.url, **place("third"))
        assert told["trials"] == json.loads(listed.out)


def test_trials_are_carried_from_one_service_to_another(
    told: Any,
    service: ServiceProcess,
    tmp_path: Path,
    autoprec_command: Command,
    place: Place,
) -> None:
    file = str(tmp_path / "trials.jsonl")
    assert 0 == autoprec_command("export", file, "--url", service.url, **place("third")).code
    with ServiceProcess(tmp_path / "new.db") as fresh, Client(fresh.url) as client:
        imported = [autoprec_command("import", file, "--url", fresh.url, "--json", **place("third")) for _ in range(2)]
        assert [0, 0] == [each.code for each in imported]
        assert [True, False] == [json.loads(each.out)["new"] > 0 for each in imported]
        assert {each["id"] for each in told["trials"]} <= {each.id for each in client.trials()}


def test_a_store_and_a_service_are_two_places(autoprec_command: Command, service: ServiceProcess) -> None:
    done = autoprec_command("trials", "--url", service.url, "--store", "other.db")
    assert (2, True) == (done.code, "Give one of them" in done.err)


@pytest.mark.parametrize("arguments", [("trials",), ("export", "-"), ("trials", "push")])
def test_a_service_that_is_away_is_a_failure_of_the_surroundings(
    autoprec_command: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    store = {"AUTOPREC_DB": str(tmp_path / "empty.db"), "XDG_STATE_HOME": str(tmp_path)}
    pushed = arguments == ("trials", "push")
    done = autoprec_command(*arguments, "--url", "http://127.0.0.1:9", **store)
    assert (0 if pushed else 1) == done.code  # nothing waits, so that nothing had to be delivered
    assert pushed or "did not answer" in done.err


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service that dies when it is told of a trial."""
    with ServiceProcess(tmp_path / "mortal.db") as running:

        def watch() -> None:
            with Client(running.url, patience=Patience(retries=0)) as client:
                for change in client.events(after=0):
                    if change.kind == "trial":
                        running.kill()
                        return

        watching = Thread(target=watch)
        watching.start()
        yield running
        watching.join()


def test_a_service_that_dies_in_the_middle_of_a_study_has_all_of_it_later_and_once(
    mortal: ServiceProcess, autoprec_command: Command, question: tuple[str, ...], place: Place
) -> None:
    done = autoprec_command(*question, "--seed", "1", AUTOPREC_URL=mortal.url, **place("fourth"))
    assert (0, True) == (done.code, "did not answer" in done.err)
    assert "will be delivered by the next suggest()" in done.err
    mortal.start()
    pushed = autoprec_command("trials", "push", "--json", AUTOPREC_URL=mortal.url, **place("fourth"))
    assert (0, 0) == (pushed.code, json.loads(pushed.out)["waiting"])
    answer = json.loads(done.out)
    with Client(mortal.url) as client:
        assert ["complete"] == [each.status for each in client.studies()]
        assert [each["id"] for each in answer["trials"]] == [each.id for each in client.trials()]
