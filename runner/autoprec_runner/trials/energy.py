"""From what rounds of steps took from a meter to a figure with its interval (free of torch)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from autoprec_runner.trial import Energy
from autoprec_runner.trials.measure import CONFIDENCE, draws

FEWEST_ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class RoundEnergy:
    """What the steps of one round took from the meter."""

    joules: float
    steps: int
    meter: Literal["nvml", "rapl"]


def energy_per_sample(rounds: Sequence[RoundEnergy], samples_per_step: int | None) -> Energy | None:
    """Return joules a sample over all rounds, with the interval of whole rounds drawn with replacement.

    Drivers count in steps of a tenth of a second or so: single rounds err, and their sum does not. None where the size
    of a batch is unknown, or fewer than three rounds were metered, or the meter stood still.
    """
    joules = np.array([each.joules for each in rounds])
    steps = np.array([each.steps for each in rounds])
    if samples_per_step is None or len(rounds) < FEWEST_ROUNDS or joules.sum() <= 0:
        return None
    drawn = draws(len(rounds))
    resampled = joules[drawn].sum(axis=1) / (samples_per_step * steps[drawn].sum(axis=1))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Energy(
        joules_per_sample=float(joules.sum() / (samples_per_step * steps.sum())),
        low_joules=float(low),
        high_joules=float(high),
        meter=rounds[0].meter,
        steps=int(steps.sum()),
    )
