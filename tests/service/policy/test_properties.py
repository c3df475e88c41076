"""What the policy keeps to whatever the trials are."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autoprec_runner.study import Constraints
from autoprec_runner.trial import Objective, Trial
from autoprec_service.policy import numeric_risk, recommend
from autoprec_service.policy.risk import is_reference
from autoprec_service.recommendation import Recommendation
from autoprec_service.testing import make_trial

PRECISIONS = ["32-true", "64-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true"]
OBJECTIVES: list[Objective] = ["throughput", "memory", "balanced", "energy", "time-to-loss"]


@st.composite
def trial(draw: st.DrawFn) -> Trial:
    fields: dict[str, Any] = {
        "precision": draw(st.sampled_from(PRECISIONS)),
        "matmul_precision": draw(st.sampled_from(["highest", "high", "medium"])),
        "emulate": draw(st.booleans()),
        "phase": draw(st.sampled_from(["screen", "sprint", "race", "verify"])),
        "status": draw(st.sampled_from(["ok"] * 8 + ["unstable", "oom", "crashed", "timeout", "unsupported", "error"])),
        "verdict": draw(st.sampled_from(["stable"] * 4 + ["unstable", "unjudged", None])),
        "seconds": draw(st.none() | st.floats(0.5, 2.0) | st.sampled_from([0.0, float("nan"), float("inf")])),
        "spread": draw(st.sampled_from([0.0, 0.01, 0.2])),
        "memory": draw(st.none() | st.integers(0, 2000)),
        "started_at": f"2025-01-01T12:0{draw(st.integers(0, 9))}:00Z",
    }
    return make_trial(**fields, id=str(draw(st.uuids(version=4))))


trials = st.lists(trial(), max_size=12, unique_by=lambda each: each.id)
objectives = st.sampled_from(OBJECTIVES)
constraints = st.builds(Constraints, max_memory_bytes=st.none() | st.integers(0, 2000))


def ask(found: list[Trial], objective: Objective, limits: Constraints) -> Recommendation:
    return recommend(found, objective=objective, constraints=limits)


@given(trials, objectives, constraints)
def test_nothing_failed_unstable_unverified_or_too_large_is_recommended(
    found: list[Trial], objective: Objective, limits: Constraints
) -> None:
    answer = ask(found, objective, limits)
    if answer.candidate is None:
        assert (0.0, None, None) == (answer.confidence, answer.precision, answer.basis)
        assert answer.reasons
        return
    own = [each for each in found if each.candidate == answer.candidate]
    well = [each for each in own if each.status == "ok"]
    assert well
    assert not answer.candidate.emulate
    assert is_reference(answer.candidate) or any(
        each.stability is not None and each.stability.verdict == "stable" for each in well
    )
    last_phase = max(own, key=lambda each: ["screen", "sprint", "race", "verify"].index(each.phase)).phase
    assert any(each.phase == last_phase for each in well)
    if limits.max_memory_bytes is not None:
        assert any(
            each.peak_memory_bytes is not None and each.peak_memory_bytes <= limits.max_memory_bytes for each in well
        )


@given(trials, objectives, constraints, st.randoms(use_true_random=False))
def test_the_order_of_the_trials_does_not_matter(
    found: list[Trial], objective: Objective, limits: Constraints, chance: random.Random
) -> None:
    shuffled = found.copy()
    chance.shuffle(shuffled)
    assert ask(found, objective, limits) == ask(shuffled, objective, limits)


@given(trials, objectives, constraints)
def test_every_candidate_is_told_about_once(found: list[Trial], objective: Objective, limits: Constraints) -> None:
    answer = ask(found, objective, limits)
    told = [each.candidate for each in answer.alternatives] + [each.candidate for each in answer.rejected]
    told += [answer.candidate] if answer.candidate else []
    assert len(told) == len(set(told))
    assert {each.candidate for each in found} == set(told)


def measured(precision: str, seconds: float, spread: float, memory: int) -> Trial:
    return make_trial(precision, seconds=seconds, spread=spread, memory=memory)


stable = st.builds(
    measured, st.sampled_from(PRECISIONS), st.floats(0.5, 2.0), st.sampled_from([0.0, 0.05, 0.3]), st.integers(1, 2000)
)
fields = st.lists(stable, min_size=1, unique_by=lambda each: each.candidate.precision)


@given(fields, st.sampled_from(OBJECTIVES[:3]), st.floats(1.0001, 3.0), st.sampled_from([0.0, 0.05, 0.3]))
def test_a_strictly_worse_candidate_changes_nothing(
    found: list[Trial], objective: Objective, factor: float, spread: float
) -> None:
    pick = ask(found, objective, Constraints()).candidate
    best = next(each for each in found if each.candidate == pick)
    assert best.step_time is not None
    assert best.peak_memory_bytes is not None
    worse = make_trial(
        "16-true",
        matmul_precision="medium",
        seconds=best.step_time.median_seconds * factor,
        spread=spread,
        memory=int(best.peak_memory_bytes * factor) + 1,
    )
    assert pick == ask([*found, worse], objective, Constraints()).candidate


@given(st.lists(st.sampled_from(PRECISIONS), min_size=1, unique=True), st.sampled_from(OBJECTIVES[:3]))
def test_equal_figures_go_to_the_safest(precisions: list[str], objective: Objective) -> None:
    found = [make_trial(each) for each in precisions]
    beyond_is_pointless = "32-true" in precisions
    allowed = [each.candidate for each in found if not (beyond_is_pointless and each.candidate.precision == "64-true")]
    assert min(allowed, key=numeric_risk) == ask(found, objective, Constraints()).candidate
