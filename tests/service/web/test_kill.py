"""The service is killed again and again while trials come in: what it acknowledged is there, once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from autoprec_service.store import open_store
from autoprec_service.testing import make_study, make_trial
from autoprec_service.testing.process import ServiceProcess

KILLS = 4
BATCH = 20
SENDERS = 2
ACKNOWLEDGED_BEFORE_A_KILL = 3
JSON = {"Content-Type": "application/json"}


class Sender(threading.Thread):
    """Sends batches one after the other, each until it is acknowledged, as a client does that must not lose any."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name=name, daemon=True)
        self._url = url
        self.ending = threading.Event()
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.progress = threading.Semaphore(0)

    def run(self) -> None:
        batch = 0
        with httpx.Client(timeout=30) as client:
            while not self.ending.is_set():
                ids = [f"{self.name}-{batch}-{number}" for number in range(BATCH)]
                if self._is_sent(client, ids):
                    self.acknowledged += ids
                    self.progress.release()
                    batch += 1

    def _is_sent(self, client: httpx.Client, ids: list[str]) -> bool:
        content = "[" + ",".join(make_trial(id=each).model_dump_json(round_trip=True) for each in ids) + "]"
        try:
            response = client.post(f"{self._url}/trials", content=content, headers=JSON)
        except httpx.TransportError:
            return False  # whether it was stored is not known: it is sent again
        if not response.is_success:
            self.refused.append(response.text)
            self.ending.set()
        return response.is_success


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with open_store(tmp_path / "store.db") as store:
        store.save_study(make_study())
    return tmp_path / "store.db"


@pytest.fixture
def service(path: Path) -> Iterator[ServiceProcess]:
    with ServiceProcess(path, log_level="error") as running:
        yield running


def test_no_acknowledged_trial_is_lost_and_none_is_doubled(service: ServiceProcess, path: Path) -> None:
    senders = [Sender(f"sender-{number}", service.url) for number in range(SENDERS)]
    for each in senders:
        each.start()
    for _ in range(KILLS):
        for each in senders:
            assert all(each.progress.acquire(timeout=60) for _ in range(ACKNOWLEDGED_BEFORE_A_KILL)), each.refused
        service.kill()
        service.start()
    for each in senders:
        assert each.progress.acquire(timeout=60), each.refused
        each.ending.set()
        each.join(timeout=60)
    with open_store(path) as store:
        stored = [trial.id for trial in store.trials()]
    acknowledged = {trial for each in senders for trial in each.acknowledged}
    assert [] == [refusal for each in senders for refusal in each.refused]
    assert len(stored) == len(set(stored))
    assert set() == acknowledged - set(stored)
    assert len(acknowledged) >= KILLS * SENDERS * ACKNOWLEDGED_BEFORE_A_KILL * BATCH
