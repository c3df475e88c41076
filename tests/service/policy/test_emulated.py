"""Emulated numerics say whether a model is stable in a format, and nothing of its speed or memory."""

from autoprec_probe import Candidate
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Objective, Trial
from autoprec_service.policy import preference, recommend
from autoprec_service.policy.risk import is_reference
from autoprec_service.testing import make_trial

EMULATED = Candidate(precision="transformer-engine", emulate=True)
REFERENCE = make_trial(seconds=1.0, memory=2**31)


def emulated(verdict: str = "stable", *, seconds: float | None = None, memory: int | None = None) -> Trial:
    return make_trial("transformer-engine", emulate=True, verdict=verdict, seconds=seconds, memory=memory)


def test_it_is_not_recommended_however_fast_its_trial_was() -> None:
    for objective in ("throughput", "memory", "balanced"):
        answer = recommend(
            [REFERENCE, emulated(seconds=0.1, memory=2**20)],
            objective=objective,
            constraints=Constraints(),
        )
        assert "32-true" == answer.precision


def test_its_verdict_is_told() -> None:
    answer = recommend([REFERENCE, emulated()], objective="throughput", constraints=Constraints())
    (alternative,) = answer.alternatives
    assert EMULATED == alternative.candidate
    assert "emulated numerics, tried for stability only: The loss was judged stable over 40 steps." == alternative.note


def test_an_unstable_one_is_rejected_with_its_verdict() -> None:
    answer = recommend([REFERENCE, emulated("unstable")], objective="throughput", constraints=Constraints())
    assert [("unstable", "The loss was judged unstable over 40 steps.")] == [
        (each.status, each.reason) for each in answer.rejected
    ]


def test_a_memory_limit_says_nothing_about_it() -> None:
    constraints = Constraints(max_memory_bytes=2**32)
    answer = recommend([REFERENCE, emulated()], objective="memory", constraints=constraints)
    assert ([], 1) == (list(answer.rejected), len(answer.alternatives))


def test_it_is_not_verified_in_the_place_of_a_candidate_that_can_win() -> None:
    objective: Objective = "throughput"
    assert [REFERENCE.candidate] == preference([REFERENCE, emulated()], objective, Constraints())


def test_an_emulation_is_never_the_reference() -> None:
    assert is_reference(Candidate(precision="32-true"))
    assert not is_reference(Candidate(precision="32-true", emulate=True))
