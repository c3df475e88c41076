"""Fixtures that ask studies of difficult workloads and check what holds however those misbehave."""

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

OVERRUN = 1.1
ALLOWANCE_SECONDS = 2.0
"""What ending children and writing to the store may take on a busy machine."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (it is looked at, nothing is written)


@pytest.fixture(scope="session")
def profile() -> HardwareProfile:
    return probe()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as store:
        yield store


@pytest.fixture
def question(profile: HardwareProfile, workloads: Path) -> Callable[..., Question]:
    """Return what makes questions about the factories of a file, which the folder's fixture `workloads` names."""

    def make(factory: str, *precisions: str | Candidate, budget: float = 6.0, **fields: Any) -> Question:
        return Question(
            source=FactorySource(f"{workloads}:{factory}").to_json(),
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
    ledger.studies()  # opens what the store keeps open

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
        "descriptors": psutil.Process().num_fds(),
        "torch": torch_state(),
    }


def torch_state() -> dict[str, Any]:
    """Return torch's global state in this process, where it is loaded: asking for a study does not load it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    return {
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "matmul": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "random": torch.get_rng_state().tolist(),
    }


def left_behind() -> list[object]:
    """Return processes, temporary files and shared memory that a study has left."""
    server = shared_forkserver()
    studies = server.folder.glob("?" * 32)
    shared = SHARED_MEMORY.glob("autoprec-hostile-*")
    return [*psutil.Process(server._process.pid).children(recursive=True), *studies, *shared]
