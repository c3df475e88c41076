"""Check-ups of ailing workloads: each is described once, by a real child process."""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from autoprec_probe import Candidate, HardwareProfile, Strategy
from autoprec_runner.doctor import registry
from autoprec_runner.doctor.before import findings_before
from autoprec_runner.doctor.checkup import check_up
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.search.conduct import candidates_of
from autoprec_runner.search.question import Question
from autoprec_runner.trials.prepared import Prepared
from autoprec_runner.workload.factory import FactorySource

PATIENTS = Path(__file__).parent / "patients"
sys.path.append(str(PATIENTS))

from machines import H100

Examine = Callable[..., tuple[Finding, ...]]


def asked(factory: str, profile: HardwareProfile, *precisions: str, strategy: Strategy = "single") -> Question:
    """Return a question about an ailing workload; without precisions, about all that make sense."""
    candidates = tuple(Candidate(precision=each, strategy=strategy) for each in precisions)
    return Question(
        source=FactorySource(f"{PATIENTS / 'ailing.py'}:{factory}").to_json(),
        profile=profile,
        device=profile.default_device,
        strategy=strategy,
        candidates=candidates or None,
    )


@pytest.fixture(scope="session")
def described() -> Callable[[str], Prepared]:
    """Return what a child process says of a workload."""
    shared_forkserver().is_ready_within(120)

    @cache
    def describe(factory: str) -> Prepared:
        return check_up(asked(factory, H100)).prepared

    return describe


@pytest.fixture
def examine(described: Callable[[str], Prepared]) -> Examine:
    """Return the static findings about a workload on a machine."""

    def found(
        factory: str, profile: HardwareProfile, *precisions: str, strategy: Strategy = "single"
    ) -> tuple[Finding, ...]:
        question = asked(factory, profile, *precisions, strategy=strategy)
        return findings_before(question, described(factory), candidates_of(question))

    return found


@pytest.fixture
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test register rules that nobody else sees."""
    registry.rules()
    for name in ("_RULES", "_STATIC", "_TRIAL"):
        monkeypatch.setattr(registry, name, dict(getattr(registry, name)))
