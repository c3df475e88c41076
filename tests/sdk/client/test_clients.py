"""Both clients, every route of them, against a real service in a process of its own."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from autoprec import AsyncClient, Client
from autoprec.client.attempts import Patience
from autoprec.client.errors import RefusedError, UnreachableError
from autoprec.client.values import KnownNode
from autoprec_probe.agent.report import ReportBatch
from autoprec_runner.description import ModelDescription
from autoprec_service.advice.question import Question
from autoprec_service.run import Run
from autoprec_service.testing.factories import PROFILE, STARTED_AT, make_report, make_study, make_trial
from autoprec_service.testing.process import ServiceProcess
from autoprec_service.web.nodes import NodeState

STUDY = make_study(status="complete")
TRIALS = [
    make_trial("32-true", seconds=1.0),
    make_trial("bf16-mixed", seconds=0.5),
    make_trial("16-mixed", status="unstable", verdict="unstable"),
]
DESCRIPTION = ModelDescription(
    model_fingerprint="model-a",
    workload_key="workload-a",
    name="A model",
    mode="train",
    parameters=3,
    layers={"Linear": 1},
)
RUN = Run(
    id="run-a",
    workload="train.py",
    hardware_key="cpu-x86-2c",
    precision="bf16-mixed",
    started_at=STARTED_AT,
    seen_at=STARTED_AT,
)
QUESTION = Question(model_fingerprint="model-a", hardware_key="cpu-x86-2c")


class Waiting:
    """Calls a client that does not wait as if it did."""

    def __init__(self, client: AsyncClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            found = getattr(self._client, name)(*arguments, **options)
            return self._runner.run(_all(found) if hasattr(found, "__aiter__") else found)

        return call


async def _all(found: Any) -> list[Any]:
    return [each async for each in found]


@pytest.fixture(params=["waits", "does not wait"])
def client(request: pytest.FixtureRequest, filled: ServiceProcess) -> Iterator[Any]:
    """Each client in turn."""
    if request.param == "waits":
        with Client(filled.url) as waiting:
            yield waiting
        return
    with asyncio.Runner() as runner:
        asked = AsyncClient(filled.url)
        yield Waiting(asked, runner)
        runner.run(asked.close())


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with one study, one machine and one run."""
    with ServiceProcess(tmp_path_factory.mktemp("filled") / "service.db") as running:
        with Client(running.url) as client:
            client.save_studies([STUDY])
            client.add_trials(TRIALS)
            client.put_model(DESCRIPTION)
            client.put_run(RUN)
            report = make_report(1, profile=PROFILE)
            batch = ReportBatch(sent_at=STARTED_AT + timedelta(minutes=1), reports=(report,))
            reported = client._http.put(
                f"{running.url}/nodes/node-a",
                content=batch.model_dump_json(round_trip=True, exclude_defaults=True),
                headers={"Content-Type": "application/json"},
            )
            assert reported.is_success, reported.text
        yield running


def test_it_answers(client: Any) -> None:
    assert client.health() is None


def test_what_is_sent_again_counts_once(client: Any) -> None:
    assert [0, 1] == [*client.save_studies([STUDY]).model_dump().values()]
    assert [0, 3] == [*client.add_trials(TRIALS).model_dump().values()]


def test_studies_and_trials_come_back_as_they_were_sent(client: Any) -> None:
    assert [STUDY] == list(client.studies())
    assert TRIALS == list(client.trials())
    assert (STUDY, TRIALS[0]) == (client.study("study-a"), client.trial(TRIALS[0].id))


def test_what_is_not_there_is_none(client: Any) -> None:
    found = client.study("no/study ?"), client.trial("none"), client.model("none"), client.node("none")
    assert (None, None, None, None) == found


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"precision": "bf16-mixed"}, [1]),
        ({"status": "unstable"}, [2]),
        ({"model_fingerprint": "other"}, []),
        ({"study_id": "study-a", "mode": "train", "newest_first": True}, [2, 1, 0]),
        ({"after": TRIALS[0].id}, [1, 2]),
    ],
)
def test_trials_are_filtered_by_the_service(client: Any, filters: dict[str, Any], expected: list[int]) -> None:
    assert [TRIALS[each] for each in expected] == list(client.trials(**filters))


def test_a_precision_is_recommended(client: Any) -> None:
    advice = client.recommend(QUESTION)
    assert ("bf16-mixed", "measured") == (advice.precision, advice.basis)


def test_a_model_is_described(client: Any) -> None:
    client.put_model(DESCRIPTION)
    assert DESCRIPTION == client.model("model-a")
    assert [("model-a", "A model", 3)] == [(each.fingerprint, each.name, each.trials) for each in client.models("A mo")]
    assert [] == list(client.models("another"))


def test_hardware_and_outcomes_are_told(client: Any) -> None:
    assert "cpu-x86-2c" in [each.key for each in client.hardware()]
    assert {"32-true", "bf16-mixed", "16-mixed"} == {each.candidate.precision for each in client.outcomes()}


def test_machines_are_told(client: Any) -> None:
    (node,) = client.nodes()
    assert ("node-a", PROFILE) == (node.name, node.profile)
    assert client.node("node-a").name == node.name


def test_a_run_is_replaced_by_what_it_says_later(client: Any) -> None:
    later = RUN.model_copy(update={"seen_at": STARTED_AT + timedelta(minutes=1)})
    client.put_run(later)
    assert [later] == list(client.runs(model_fingerprint=None, hardware_key="cpu-x86-2c"))


def test_a_contradiction_is_refused(client: Any) -> None:
    with pytest.raises(RefusedError, match="is there already with another content") as refused:
        client.add_trials([TRIALS[0].model_copy(update={"reason": "Changed."})])
    assert (409, False) == (refused.value.status, refused.value.is_a_failure)


def public(kind: type) -> dict[str, list[str]]:
    return {
        name: list(inspect.signature(value).parameters)
        for name, value in vars(kind).items()
        if callable(value) and not name.startswith("_")
    }


def test_both_clients_offer_the_same() -> None:
    assert public(Client) == public(AsyncClient)


@pytest.mark.parametrize(("ours", "theirs"), [(KnownNode, NodeState)])
def test_what_the_service_tells_of_a_machine_is_known_here(ours: type[Any], theirs: type[Any]) -> None:
    assert set(theirs.model_fields) - {"stale"} == set(ours.model_fields)


def test_a_token_is_shown(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path / "service.db", tokens=["ap_secret"]) as running:
        with Client(running.url, "ap_secret") as client:
            assert [] == list(client.trials())
        with Client(running.url) as client, pytest.raises(RefusedError, match="AUTOPREC_TOKEN") as refused:
            client.study("any")
    assert 401 == refused.value.status


def test_events_go_on_where_they_stopped_when_the_service_is_killed(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path / "service.db") as running, Client(running.url) as client:
        client.save_studies([STUDY])
        told = client.events(after=0)
        first = next(told)
        assert ("study", "study-a") == (first.kind, first.id)
        running.kill()
        running.start()
        client.add_trials(TRIALS)
        assert [("trial", each.id) for each in TRIALS] == [(each.kind, each.id) for each in islice(told, 3)]


def test_events_reach_who_does_not_wait(filled: ServiceProcess) -> None:
    async def first() -> str:
        async with AsyncClient(filled.url) as client:
            async for change in client.events(after=0):
                return change.kind
        return "nothing"

    assert asyncio.run(first()) in {"study", "trial", "node", "run"}


def test_events_of_a_service_that_is_gone_end_with_an_error(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path / "service.db") as running:
        url = running.url
    with Client(url, patience=Patience(retries=0)) as client, pytest.raises(UnreachableError):
        next(client.events())
