"""What waits for a service: nothing of it is lost, nothing doubled, whenever the service, or we, are killed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from autoprec import Client
from autoprec.client.attempts import Patience
from autoprec.remote.courier import Courier
from autoprec.remote.delivery import deliver
from autoprec.remote.errors import OutboxError
from autoprec.remote.ledger import ReportingLedger
from autoprec.remote.outbox import Outbox
from autoprec.remote.parcel import Parcel, Record
from autoprec_runner.description import ModelDescription
from autoprec_runner.trial import Trial
from autoprec_service.errors import StoreError
from autoprec_service.run import Run
from autoprec_service.store import Store, open_store
from autoprec_service.testing.factories import STARTED_AT, make_study, make_trial
from autoprec_service.testing.process import ServiceProcess

STUDY = make_study(status="complete")
DESCRIPTION = ModelDescription(
    model_fingerprint="model-a", workload_key="workload-a", name="A model", mode="train", parameters=3
)
RUN = Run(
    id="run-a",
    workload="train.py",
    hardware_key="cpu",
    precision="32-true",
    started_at=STARTED_AT,
    seen_at=STARTED_AT,
    ended_at=STARTED_AT,
)


class Watched(httpx.BaseTransport):
    """The real way to a service; after so many requests have been answered, the service dies before we hear of it."""

    def __init__(self, service: ServiceProcess, fatal: int | None = None) -> None:
        self._way = httpx.HTTPTransport()
        self._service = service
        self._fatal = fatal
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = self._way.handle_request(request)
        response.read()
        if len(self.requests) == self._fatal:
            self._service.kill()
            raise httpx.ReadError("The connection broke.", request=request)
        return response

    def close(self) -> None:
        self._way.close()


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service that may be killed."""
    with ServiceProcess(tmp_path / "service.db") as running:
        yield running


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "state" / "outbox.db")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "local.db") as opened:
        yield opened


def client_of(service: ServiceProcess, fatal: int | None = None) -> Client:
    return Client(service.url, transport=Watched(service, fatal), patience=Patience(retries=0))


def parcels(*records: Record) -> list[Parcel]:
    return [Parcel.of(each) for each in records]


def trials(count: int) -> list[Trial]:
    return [make_trial(id=str(number)) for number in range(count)]


@pytest.mark.parametrize("fatal", [1, 2, 3, 4, 5])
def test_a_service_that_is_killed_while_it_takes_records_has_all_of_them_once(
    own_service: ServiceProcess, outbox: Outbox, fatal: int
) -> None:
    outbox.add(own_service.url, parcels(STUDY, *trials(600), DESCRIPTION))
    with client_of(own_service, fatal) as client:
        first = deliver(client, outbox)
    own_service.start()
    with client_of(own_service) as client:
        second = deliver(client, outbox)
        found = [each.id for each in client.trials()]
        assert [STUDY] == list(client.studies())
        assert DESCRIPTION == client.model("model-a")
    assert ("The connection broke." in (first.trouble or ""), None) == (True, second.trouble)
    assert 602 == first.delivered + second.delivered
    assert [str(number) for number in range(600)] == found
    assert 0 == outbox.waiting(own_service.url)


def test_no_reader_sees_a_study_complete_before_its_trials_are_there(
    own_service: ServiceProcess, outbox: Outbox
) -> None:
    outbox.add(own_service.url, parcels(*trials(1), STUDY))
    with client_of(own_service, fatal=1) as client:
        deliver(client, outbox)
    own_service.start()
    with Client(own_service.url) as client:
        assert [("running", 0)] == [(each.status, len(list(client.trials()))) for each in client.studies()]
        deliver(client, outbox)
        assert [("complete", 1)] == [(each.status, len(list(client.trials()))) for each in client.studies()]


def test_what_a_service_will_never_take_is_set_aside_and_holds_nothing_up(
    own_service: ServiceProcess, outbox: Outbox
) -> None:
    taken, other = trials(3), trials(3)[1].model_copy(update={"reason": "Something else."})
    with Client(own_service.url) as client:
        client.save_studies([STUDY])
        client.add_trials(taken[1:2])
        outbox.add(client.url, map(Parcel.of, [taken[0], other, taken[2]]))
        done = deliver(client, outbox)
        assert ["1", "0", "2"] == [each.id for each in client.trials()]
    assert (2, 1, None) == (done.delivered, done.refused, done.trouble)
    ((kind, id_, reason),) = outbox.refused(own_service.url)
    assert ("trial", "1", True) == (kind, id_, "another content" in reason)
    assert 0 == outbox.waiting(own_service.url)


def test_a_token_that_is_refused_lets_everything_wait(tmp_path: Path, outbox: Outbox) -> None:
    with ServiceProcess(tmp_path / "closed.db", tokens=["right"]) as closed, Client(closed.url, "wrong") as client:
        outbox.add(client.url, parcels(STUDY))
        done = deliver(client, outbox)
        assert (0, 0, 1) == (done.delivered, done.refused, outbox.waiting(client.url))
        assert "HTTP 401" in (done.trouble or "")


def test_a_run_and_its_end_are_delivered(own_service: ServiceProcess, outbox: Outbox) -> None:
    outbox.add(own_service.url, parcels(RUN))
    with Client(own_service.url) as client:
        assert 1 == deliver(client, outbox).delivered
        assert [RUN] == list(client.runs())


def test_each_service_has_its_own_records(outbox: Outbox) -> None:
    outbox.add("http://one", parcels(STUDY))
    outbox.add("http://other", map(Parcel.of, trials(2)))
    assert [1, 2] == [outbox.waiting("http://one"), outbox.waiting("http://other")]
    assert {"study-a"} == outbox.groups("http://other")


def test_a_record_that_is_replaced_while_it_is_delivered_stays(outbox: Outbox) -> None:
    outbox.add("http://one", [Parcel.of(make_study())])
    (sent,) = outbox.batch("http://one", "study", 10)
    outbox.add("http://one", parcels(STUDY))
    outbox.delivered([sent])
    assert [STUDY] == [each.study() for each in outbox.batch("http://one", "study", 10)]


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    def add(trial: Trial) -> None:
        Outbox(tmp_path / "outbox.db").add("http://one", [Parcel.of(trial)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, trials(40)))
    assert 40 == Outbox(tmp_path / "outbox.db").waiting("http://one")


def test_nobody_else_can_read_what_waits(tmp_path: Path, outbox: Outbox) -> None:
    outbox.add("http://one", parcels(STUDY))
    assert [0o600] == [each.stat().st_mode & 0o777 for each in (tmp_path / "state").iterdir()]


def test_an_outbox_that_cannot_be_written_costs_a_warning_and_no_measurement(tmp_path: Path, store: Store) -> None:
    (tmp_path / "file").touch()
    outbox = Outbox(tmp_path / "file" / "outbox.db")
    with pytest.raises(OutboxError, match="trials push --all"):
        outbox.waiting("http://one")
    ledger = ReportingLedger(store, outbox, "http://one", lambda: None)
    with pytest.warns(UserWarning, match="kept in the store"):
        ledger.save_study(STUDY)
    ledger.add_trials(trials(2))  # without a second warning, which would be an error here
    assert trials(2) == list(ledger.trials(study_id="study-a"))


def test_what_is_not_yet_kept_here_waits_for_the_service_already(outbox: Outbox, store: Store) -> None:
    ledger = ReportingLedger(store, outbox, "http://one", lambda: None)
    ledger.save_study(make_study())
    store.close()
    with pytest.raises(StoreError):
        ledger.add_trials(trials(1))
    assert trials(1) == [each.trial() for each in outbox.batch("http://one", "trial", 10)]


def test_trials_from_before_a_service_was_named_go_along_with_their_study(outbox: Outbox, store: Store) -> None:
    store.save_study(make_study())
    store.add_trials(trials(2))
    ledger = ReportingLedger(store, outbox, "http://one", lambda: None)
    ledger.save_study(make_study())
    ledger.save_study(STUDY)
    assert ["0", "1"] == [each.id for each in outbox.batch("http://one", "trial", 10)]
    assert [STUDY] == [each.study() for each in outbox.batch("http://one", "study", 10)]


def test_a_workload_that_could_not_be_set_up_is_kept_here_alone(outbox: Outbox, store: Store) -> None:
    ledger = ReportingLedger(store, outbox, "http://one", lambda: None)
    ledger.save_study(make_study(model_fingerprint="unknown"))
    ledger.add_trials([make_trial(model_fingerprint="unknown")])
    assert (0, 1) == (outbox.waiting("http://one"), len(ledger.trials(study_id="study-a")))


def test_a_courier_leaves_what_it_cannot_deliver_and_takes_it_up_next_time(
    own_service: ServiceProcess, outbox: Outbox
) -> None:
    outbox.add(own_service.url, parcels(STUDY, *trials(3)))
    own_service.kill()
    with Courier(client_of(own_service), outbox) as courier:
        pass
    courier.join()
    assert "did not answer" in (courier.last.trouble or "")
    assert 4 == outbox.waiting(own_service.url)
    own_service.start()
    with Courier(client_of(own_service), outbox) as courier:
        pass
    courier.join()
    assert (None, 0) == (courier.last.trouble, outbox.waiting(own_service.url))
