"""What small studies that are really run let the doctor find."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autoprec_probe import Candidate, probe
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.search.conduct import Outcome, conduct
from autoprec_runner.search.progress import Progress
from autoprec_runner.search.question import Question
from autoprec_runner.workload.factory import FactorySource
from autoprec_service.policy import preference
from autoprec_service.store import Store, open_store

HOSTILE = Path(__file__).parents[1] / "search" / "hostile.py"


class Listener(Progress):
    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as store:
        yield store


def study(
    ledger: Store, factory: str, *precisions: str, progress: Progress | None = None, budget: float = 12.0
) -> Outcome:
    shared_forkserver().is_ready_within(60)
    question = Question(
        source=FactorySource(f"{HOSTILE}:{factory}").to_json(),
        profile=probe(),
        device="cpu",
        candidates=tuple(Candidate(precision=each) for each in precisions),
        budget_seconds=budget,
    )
    return conduct(question, ledger, preference, progress=progress)


def sentences(outcome: Outcome, rule: str, found_by: str) -> list[str]:
    return [each.sentence for each in outcome.study.findings if (each.id, each.found_by) == (rule, found_by)]


def test_an_eps_that_is_zero_in_fp16_is_told_before_and_after_under_the_same_id(ledger: Store) -> None:
    outcome = study(ledger, "has_an_eps_below_fp16", "16-true")
    before = sentences(outcome, "adam-eps-underflows", "static")
    assert len(before) == 1
    assert before[0].startswith("Adam's eps of 1e-08 is 0 in 16-true, where parameters and optimizer state are half")
    after = sentences(outcome, "adam-eps-underflows", "trial")
    assert len(after) == 1
    assert "the optimizer's eps of 1e-08 is 0 in their dtype" in after[0]


def test_updates_that_are_lost_in_bf16_are_told(ledger: Store) -> None:
    outcome = study(ledger, "learns_in_tiny_steps", "bf16-true")
    told = sentences(outcome, "lost-updates", "trial")
    assert len(told) == 1
    assert told[0].startswith("bf16-true: 100 % of its weight updates, by their gradients, rounded to nothing")


def test_the_module_that_overflows_in_fp16_is_named(ledger: Store) -> None:
    outcome = study(ledger, "overflows_in_fp16_unseen", "16-mixed", "16-true")
    told = " ".join(sentences(outcome, "fp16-overflow", "trial"))
    assert "`encoder.big`" in told or "cannot hold the largest activation of this model, 80,000" in told


def test_findings_are_told_as_they_come_and_kept_with_the_study(ledger: Store) -> None:
    listener = Listener()
    outcome = study(ledger, "has_an_eps_below_fp16", "16-true", progress=listener)
    stored = ledger.study(outcome.study.id)
    assert stored is not None
    assert outcome.study.findings == stored.findings
    assert listener.findings == [each for each in stored.findings if each.found_by == "static"]
    again = study(ledger, "has_an_eps_below_fp16", "16-true")
    assert (True, stored.findings) == (again.remembered, again.study.findings)
