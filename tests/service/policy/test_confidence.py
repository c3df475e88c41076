from typing import Any

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


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        (
            {"race_other_busy_cores": 1.25, "busy_cores": 0.0},
            "Other programs kept 1.25 cores busy during the race: times are less certain.",
        ),
        (
            {"race_device_throttled": "sync-boost, sw-power-cap", "race_device_temperature_celsius": 91.0},
            "Clocks were held down during the race (sw-power-cap) at up to 91.0 °C: times are less certain.",
        ),
        ({"race_cpu_throttled": 2}, "Clocks were held down during the race (cpu-thermal): times are less certain."),
        (
            {"race_foreign_processes": 1},
            "The device was shared with another process during the race: times are less certain.",
        ),
    ],
)
def test_what_went_on_during_the_race_lowers_it_and_is_told(conditions: dict[str, Any], sentence: str) -> None:
    disturbed = make_trial(seconds=1.0, phase="race", conditions=conditions)
    answer = recommend([disturbed], objective="throughput", constraints=Constraints())
    assert pytest.approx(0.8 * confidence(make_trial(seconds=1.0, phase="race")), abs=2e-3) == answer.confidence
    assert sentence in answer.reasons


@pytest.mark.parametrize(
    "conditions",
    [
        {"race_device_throttled": "applications-clocks-setting"},
        {"race_device_throttled": ""},
        {"race_cpu_throttled": 0},
        {"race_foreign_processes": 0},
        {"busy_cores": 1.5, "race_other_busy_cores": 0.0},  # gone before the race
    ],
)
def test_a_calm_race_leaves_it_as_it_is(conditions: dict[str, Any]) -> None:
    calm = make_trial(seconds=1.0, phase="race", conditions=conditions)
    assert confidence(make_trial(seconds=1.0, phase="race")) == confidence(calm)
