"""Joules a sample, from what rounds took."""

import pytest

from autoprec_runner.trials.energy import FEWEST_ROUNDS, RoundEnergy, energy_per_sample


def rounds(*joules: float, steps: int = 10) -> list[RoundEnergy]:
    return [RoundEnergy(joules=each, steps=steps, meter="nvml") for each in joules]


def test_the_figure_is_all_joules_over_all_samples() -> None:
    energy = energy_per_sample(rounds(40.0, 0.0, 80.0), 4)
    assert energy is not None
    assert (1.0, 30, "nvml") == (energy.joules_per_sample, energy.steps, energy.meter)
    assert 0 <= energy.low_joules < 1.0 < energy.high_joules <= 2.0


def test_even_rounds_leave_no_doubt() -> None:
    energy = energy_per_sample(rounds(40.0, 40.0, 40.0), 4)
    assert energy is not None
    assert (1.0, 1.0) == (energy.low_joules, energy.high_joules)


@pytest.mark.parametrize(
    ("joules", "samples"),
    [([40.0] * 3, None), ([40.0] * (FEWEST_ROUNDS - 1), 4), ([], 4), ([0.0] * 5, 4)],
)
def test_what_cannot_be_told_is_unknown(joules: list[float], samples: int | None) -> None:
    assert energy_per_sample(rounds(*joules), samples) is None
