"""How long a first step may take, by what is known of the best candidate's."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from autoprec_probe import Candidate
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.sprint import Pace
from autoprec_runner.trials.evidence import Evidence

if TYPE_CHECKING:
    from autoprec_runner.trials.session import TrialSession


def pace(*, compile_seconds: float) -> Pace:
    """Return the pace of a study whose reference took 4 s for its first step and 10 ms for the others."""
    evidence = Evidence(first_step_seconds=4.0, rounds=[[0.01]], compile_seconds=compile_seconds)
    reference = SimpleNamespace(evidence=evidence, candidate=Candidate(precision="32-true"), prepare_seconds=1.0)
    session = cast("TrialSession", reference)
    known = Pace(objective="throughput", budget_seconds=60.0)
    known.follow(Contender(support=cast("object", None), session=session))  # type: ignore[arg-type]
    known.note(session)
    return known


@pytest.mark.parametrize(("compile_seconds", "expected"), [(0.0, 16.0), (3.9, 40.0)])
def test_a_first_step_that_compiles_may_take_longer(compile_seconds: float, expected: float) -> None:
    assert expected == pace(compile_seconds=compile_seconds).first_limit()


def test_later_steps_are_measured_by_later_steps() -> None:
    assert 0.5 == pace(compile_seconds=3.9).limit()


@pytest.mark.parametrize(("first_step_seconds", "expected"), [(0.001, 15.0), (2.0, 50.0)])
def test_a_hiccup_of_the_first_of_all_is_not_taken_for_a_hang(first_step_seconds: float, expected: float) -> None:
    assert expected == Pace(objective="throughput", budget_seconds=60.0).limit(first_step_seconds)


def test_on_an_accelerator_a_first_step_may_load_kernels() -> None:
    known, elsewhere = (Pace(objective="throughput", budget_seconds=60.0, device=each) for each in ("cpu", "cuda"))
    for each in (known, elsewhere):
        each.leader, each.first_seconds = Candidate(precision="32-true"), 0.1
    assert (1.8, 4.8) == pytest.approx((known.first_limit(), elsewhere.first_limit()))
