"""Objectives that go by neither time nor memory alone."""

from typing import Any

import pytest

from autoprec_runner.study import Constraints
from autoprec_runner.trial import Energy, MemoryParts, Objective, StepParts, Trial
from autoprec_service.policy import preference, recommend
from autoprec_service.policy.progress import progress
from autoprec_service.recommendation import Recommendation
from autoprec_service.testing import make_trial

STEPS = 40


def losses(rate: float, *, steps: int = STEPS) -> tuple[float, ...]:
    """Fall by `rate` within ten steps, from 2; the start is the mean of the first two."""
    return tuple(2.0 - rate * min(step / 10, 1.0) for step in range(steps))


def ask(*trials: Trial, objective: Objective) -> Recommendation:
    return recommend(trials, objective=objective, constraints=Constraints())


def energy(joules: float) -> Energy:
    return Energy(joules_per_sample=joules, low_joules=0.99 * joules, high_joules=1.01 * joules, meter="nvml", steps=9)


def test_the_least_energy_wins_though_it_is_slower() -> None:
    reference = make_trial(seconds=1.0, energy=energy(3.0))
    fast = make_trial("bf16-true", seconds=0.5, energy=energy(2.0))
    frugal = make_trial("bf16-mixed", seconds=0.6, energy=energy(1.0))
    answer = ask(reference, fast, frugal, objective="energy")
    assert "bf16-mixed" == answer.precision
    assert "By the objective 'energy': 1.00 J a sample against 3.00 J a sample for 32-true." in answer.reasons
    notes = {str(each.candidate): each.note for each in answer.alternatives}
    assert "more energy: 2.00 J a sample against 1.00 J a sample for bf16-mixed." == notes["bf16-true"]


def test_a_candidate_without_a_reading_is_not_chosen_for_its_energy() -> None:
    answer = ask(make_trial(energy=energy(3.0)), make_trial("bf16-mixed", seconds=0.1), objective="energy")
    assert "32-true" == answer.precision


def test_steps_that_learn_less_must_be_so_much_faster() -> None:
    reference = make_trial(seconds=1.0, losses=losses(1.0))
    slow_learner = make_trial("bf16-true", seconds=0.6, losses=losses(0.5))
    learner = make_trial("bf16-mixed", seconds=0.7, losses=losses(1.0))
    answer = ask(reference, slow_learner, learner, objective="time-to-loss")
    assert "bf16-mixed" == answer.precision
    notes = {str(each.candidate): each.note for each in answer.alternatives}
    assert notes["bf16-true"].startswith("learns more slowly: 1.27 s for a reference step's progress against 700 ms")


def test_before_its_verdict_a_candidate_is_taken_to_learn_like_the_reference() -> None:
    reference = make_trial(seconds=1.0, losses=losses(1.0))
    unjudged = make_trial("bf16-true", seconds=0.6, verdict=None, phase="race", losses=losses(0.5))
    judged = make_trial("bf16-true", seconds=0.6, losses=losses(0.5))
    assert "bf16-true" == preference([reference, unjudged], "time-to-loss", Constraints())[0].precision
    assert "32-true" == preference([reference, judged], "time-to-loss", Constraints())[0].precision


@pytest.mark.parametrize(
    "fields",
    [{"losses": ()}, {"losses": (1.0,) * STEPS}, {"losses": losses(1.0), "mode": "inference"}],
)
def test_without_clear_progress_nothing_is_recommended(fields: dict[str, Any]) -> None:
    answer = ask(make_trial(**fields), make_trial("bf16-mixed", **fields), objective="time-to-loss")
    assert answer.precision is None
    assert answer.reasons[0].startswith("How fast the loss falls could not be told")


def test_the_reference_makes_its_own_progress() -> None:
    own = progress(losses(1.0), losses(1.0))
    assert own is not None
    assert (1.0, 1.0, 1.0) == (own.value, own.low, own.high)


def test_batches_that_are_hard_for_both_widen_nothing() -> None:
    hard = [0.2 * (step % 2) for step in range(STEPS)]
    ours = [loss + bump for loss, bump in zip(losses(0.9), hard, strict=True)]
    true = [loss + bump for loss, bump in zip(losses(1.0), hard, strict=True)]
    found = progress(ours, true)
    assert found is not None
    assert found.value == pytest.approx(0.9, rel=0.02)
    assert found.high - found.low < 0.01


def bound(**fields: Any) -> StepParts:
    plain = {"move_seconds": 0.0, "forward_seconds": 0.25, "backward_seconds": 0.5, "optimizer_seconds": 0.25}
    return StepParts.model_validate(plain | {"steps": 5} | fields)


INPUT_BOUND = bound(bottleneck="input-bound", fetch_seconds=3.0)
LAUNCH_BOUND = bound(bottleneck="launch-bound", operations=4000, start_seconds=2e-4)


def test_waiting_for_data_is_told_of_the_fastest_too() -> None:
    answer = ask(make_trial(), make_trial("bf16-mixed", seconds=0.5, parts=INPUT_BOUND), objective="throughput")
    assert any("fetching and moving a batch takes 3.00 s and computing on it 1.00 s" in each for each in answer.reasons)


@pytest.mark.parametrize(("seconds", "told"), [(0.5, False), (1.0, True)])
def test_starting_operations_is_told_where_nothing_was_gained(seconds: float, *, told: bool) -> None:
    trials = make_trial(parts=LAUNCH_BOUND), make_trial("bf16-mixed", seconds=seconds, parts=LAUNCH_BOUND)
    answer = ask(*trials, objective="throughput")
    assert told == any("starting 4,000 operations takes about 80.0 % of a step" in each for each in answer.reasons)


def test_memory_that_a_mixed_precision_leaves_as_it_is_is_told() -> None:
    memory = MemoryParts(weights_bytes=2**28, gradients_bytes=2**28, optimizer_bytes=2**28, rest_bytes=2**28)
    answer = ask(
        make_trial(),
        make_trial("bf16-mixed", seconds=0.5, memory_parts=memory),
        objective="throughput",
    )
    assert any("75.0 % are weights, gradients and optimizer state" in each for each in answer.reasons)
