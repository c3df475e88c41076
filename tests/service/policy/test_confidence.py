import pytest

from autoprec_runner.study import Constraints
from autoprec_runner.trial import Trial
from autoprec_service.policy import recommend
from autoprec_service.testing import make_stability, make_trial


def confidence(*trials: Trial) -> float:
    return recommend(trials, objective="throughput", constraints=Constraints()).confidence


REFERENCE = make_trial(seconds=2.0)


def test_a_clear_winner_after_a_long_verification_is_nearly_certain() -> None:
    assert 0.85 < confidence(REFERENCE, make_trial("bf16-mixed", seconds=0.5, spread=0.001)) < 1


def test_nobody_else_to_separate_from_leaves_phase_and_steps() -> None:
    assert pytest.approx(40 / 45, abs=1e-3) == confidence(REFERENCE)


def test_a_tie_halves_it() -> None:
    assert pytest.approx(40 / 45 / 2, abs=1e-3) == confidence(REFERENCE, make_trial("bf16-mixed", seconds=2.0))


def test_more_compared_steps_make_it_grow() -> None:
    few, many = (
        confidence(REFERENCE, make_trial("bf16-mixed", seconds=0.5, stability=make_stability(steps=steps)))
        for steps in (4, 200)
    )
    assert few < many


def test_narrower_intervals_make_it_grow() -> None:
    wide, narrow = (
        confidence(REFERENCE, make_trial("bf16-mixed", seconds=0.5, spread=spread)) for spread in (0.3, 0.01)
    )
    assert wide < narrow


def test_a_later_phase_makes_it_grow() -> None:
    sprint, race, verify = (
        confidence(REFERENCE, make_trial("bf16-mixed", seconds=0.5, phase=phase))
        for phase in ("sprint", "race", "verify")
    )
    assert sprint < race < verify


def test_a_race_is_enough_for_the_reference() -> None:
    assert confidence(REFERENCE) == confidence(make_trial(seconds=2.0, phase="race"))
    assert confidence(REFERENCE) > confidence(make_trial(seconds=2.0, phase="sprint"))


def test_busy_neighbours_lower_it_and_are_told() -> None:
    busy = make_trial(seconds=1.0, phase="race", conditions={"busy_cores": 1.25, "OMP_WAIT_POLICY": "passive"})
    answer = recommend([busy], objective="throughput", constraints=Constraints())
    assert pytest.approx(0.8 * confidence(make_trial(seconds=1.0, phase="race")), abs=2e-3) == answer.confidence
    assert (
        "Other programs kept 1.25 cores busy when the study began: times are less certain. Trials waited passively."
        == answer.reasons[-1]
    )
