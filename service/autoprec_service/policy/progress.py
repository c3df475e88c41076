"""How far a candidate's loss falls in a step, beside the fp32 reference on the same seed and batches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_START_STEPS = 2
_FEWEST_STEPS = 8
_CLEAR = 4.0
_TWO_SIDED_95 = 1.96


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A candidate's progress as a share of the reference's, with its 95 % interval."""

    value: float
    low: float
    high: float


def progress(losses: Sequence[float], reference: Sequence[float]) -> Progress | None:
    """Return how far the loss fell from its start to the mean of the second half of the steps, both as by the verdict.

    The interval is that of the mean difference to the reference over the second half: both saw the same batches, so
    that what these do to the loss cancels out. None where there are too few steps, where either did not progress, or
    where the reference's progress cannot be told from the scatter of its losses.
    """
    steps = min(len(losses), len(reference))
    ours, true = np.array(losses[:steps]), np.array(reference[:steps])
    if steps < _FEWEST_STEPS or not np.isfinite([*ours, *true]).all():
        return None
    half = steps // 2
    start = float(np.mean(true[:_START_STEPS]))
    fall = start - float(np.mean(true[half:]))
    scatter = float(np.std(true[half:])) / math.sqrt(steps - half)
    if fall <= _CLEAR * scatter:
        return None
    behind = (ours - true)[half:]
    value = 1 - float(np.mean(behind)) / fall
    spread = _TWO_SIDED_95 * float(np.std(behind)) / math.sqrt(steps - half) / fall
    low = value - spread
    return Progress(value=value, low=low, high=value + spread) if low > 0 else None
