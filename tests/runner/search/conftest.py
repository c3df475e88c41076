import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from autoprec_probe import Candidate, HardwareProfile, probe
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.search.conduct import Outcome, conduct
from autoprec_runner.search.progress import Progress
from autoprec_runner.search.question import Question
from autoprec_runner.workload.factory import FactorySource
from autoprec_service.policy import preference
from autoprec_service.store import Store, open_store

HOSTILE = Path(__file__).parent / "hostile.py"
OVERRUN = 1.1
ALLOWANCE_SECONDS = 2.0
"""What ending children and writing to the store may take on a busy machine."""


@pytest.fixture(scope="session")
def profile() -> HardwareProfile:
    return probe()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as store:
        yield store


@pytest.fixture
def question(profile: HardwareProfile) -> Callable[..., Question]:
    def make(factory: str, *precisions: str | Candidate, budget: float = 6.0, **fields: Any) -> Question:
        return Question(
            source=FactorySource(f"{HOSTILE}:{factory}").to_json(),
            profile=profile,
            device="cpu",
            candidates=tuple(each if isinstance(each, Candidate) else Candidate(precision=each) for each in precisions),
            budget_seconds=budget,
            **fields,
        )

    return make


@pytest.fixture
def ask(ledger: Store, question: Callable[..., Question]) -> Callable[..., Outcome]:
    """Conduct a study of a hostile workload, and check what holds however it misbehaves."""
    shared_forkserver().is_ready_within(60)

    def conducted(
        factory: str,
        *precisions: str | Candidate,
        progress: Progress | None = None,
        fresh: bool = False,
        **fields: Any,
    ) -> Outcome:
        asked = question(factory, *precisions, **fields)
        before, started = surroundings(), time.monotonic()
        try:
            return conduct(asked, ledger, preference, progress=progress, fresh=fresh)
        finally:
            assert time.monotonic() - started <= OVERRUN * asked.budget_seconds + ALLOWANCE_SECONDS
            assert before == surroundings()
            assert [] == left_behind()

    return conducted


def surroundings() -> dict[str, Any]:
    """Return the state of this process that nobody may change."""
    return {
        "folder": Path.cwd(),
        "environment": dict(os.environ),
        "sys.path": list(sys.path),
        "temporary": tempfile.gettempdir(),
        "signals": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)],
        "threads": threading.active_count(),
    }


def left_behind() -> list[object]:
    """Return processes and temporary files that a study has left."""
    server = shared_forkserver()
    studies = server.folder.glob("?" * 32)
    return [*psutil.Process(server._process.pid).children(recursive=True), *studies]
