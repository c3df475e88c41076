"""Whether memory grows from step to step (free of torch)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

QUARTERS = 4
FEWEST_SAMPLES = 16

Sample = tuple[int, int]
"""The number of a step, and the bytes that were held after it. Steps are numbered upwards."""


@dataclass(frozen=True, kw_only=True)
class Slope:
    """How memory grew over the steps of a process, in bytes a step."""

    bytes_per_step: float
    noise_bytes: float
    """How far the slope of any part of the run is from that."""
    steps: int

    @property
    def is_growth(self) -> bool:
        """Whether it grew in every part of the run, which one allocation that stays does not look like."""
        return self.bytes_per_step - self.noise_bytes > 0


def memory_slope(samples: Sequence[Sample]) -> Slope | None:
    """Return the slope of the memory held after steps; None if there are too few to tell.

    The samples are cut into quarters. From one to the next, the medians of bytes over the medians of steps give three
    slopes, whose middle one counts.
    """
    width = len(samples) // QUARTERS
    if len(samples) < FEWEST_SAMPLES:
        return None
    tail = samples[len(samples) - QUARTERS * width :]
    levels = [_level(tail[start : start + width]) for start in range(0, QUARTERS * width, width)]
    slopes = [(later - earlier) / (end - begin) for (begin, earlier), (end, later) in pairwise(levels)]
    middle = median(slopes)
    noise = max(middle - min(slopes), max(slopes) - middle)
    return Slope(bytes_per_step=middle, noise_bytes=noise, steps=samples[-1][0] - samples[0][0] + 1)


def _level(samples: Sequence[Sample]) -> tuple[float, float]:
    return median(step for step, _ in samples), median(held for _, held in samples)
