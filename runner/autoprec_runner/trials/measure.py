"""From raw step times to a figure with its interval (free of torch)."""

import math
import warnings
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from autoprec_runner.trial import StepTime

BATCH_STEPS = 5
RESAMPLES = 400
CONFIDENCE = 0.95
EQUAL = 1.02
"""Figures that differ by a factor below this count as equal."""
TWENTIETHS = 20
_FEWEST_QUARTERED = 5
_SHORTEST_SERIES = 4
_ROUNDING = 1e-12
_POLISHES = 10


def warmup_steps(seconds: Sequence[float]) -> int:
    """Return how many leading steps to drop so that the rest is stationary.

    The truncation point is the one that minimises the marginal standard error of what remains (the MSER rule of White,
    "An effective truncation heuristic for bias reduction in simulation output", Simulation 69, 1997), over medians of
    batches of five steps once there are twenty: a single disturbed step must not look like a trend. At most half of the
    series is dropped; a series that wants to drop half is not stationary yet (see `is_stationary`).
    """
    width = BATCH_STEPS if len(seconds) >= BATCH_STEPS * _SHORTEST_SERIES else 1
    if len(seconds) < _SHORTEST_SERIES:
        return 0
    batches = np.array(
        [np.median(seconds[start : start + width]) for start in range(0, len(seconds) - width + 1, width)],
    )
    errors = np.array([np.var(batches[cut:]) / (len(batches) - cut) for cut in range(len(batches) // 2 + 1)])
    # The first of those that differ by rounding alone.
    return int(np.argmax(errors <= np.min(errors) + (_ROUNDING * np.median(batches)) ** 2)) * width


def is_stationary(seconds: Sequence[float]) -> bool:
    """Return whether the series has a steady part: its warm-up is shorter than the half that may be dropped."""
    if len(seconds) < _SHORTEST_SERIES:
        return False
    width = BATCH_STEPS if len(seconds) >= BATCH_STEPS * _SHORTEST_SERIES else 1
    return warmup_steps(seconds) < len(seconds) // width // 2 * width


def step_time(rounds: Sequence[Sequence[float]], *, dropped: int = 0) -> StepTime:
    """Return the median of all steps with its bootstrap interval, in seconds.

    Steps of one round share what happened to the machine then, so whole rounds are drawn with replacement where there
    are several (a cluster bootstrap); a single round is drawn step by step.
    """
    pooled = np.concatenate([np.asarray(each, dtype=np.float64) for each in rounds])
    medians = _resampled_medians(rounds) if len(rounds) > 1 else _resampled_medians([[each] for each in pooled])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(medians, [tail, 1 - tail])
    median = float(np.median(pooled))
    return StepTime(
        median_seconds=median,
        low_seconds=min(float(low), median),
        high_seconds=max(float(high), median),
        steps=len(pooled),
        warmup_steps=dropped,
        quantiles_seconds=_quantiles(pooled),
    )


def separated(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> bool:
    """Return whether two contenders of the same race differ: the interval of their paired ratio excludes 1.

    Rounds are paired, so that a drift of the machine, which hits neighbours in time alike, cancels out.
    """
    low, high = _paired_ratio(first, second)
    return low > 1 or high < 1


def equal(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> bool:
    """Return whether two contenders of a race are equally fast: their paired ratio is known, and within 2 % of 1.

    It is known where its interval is no wider than 2 %. Systematic differences of that size come from where data
    happens to lie in memory, and mean nothing.
    """
    low, high = _paired_ratio(first, second)
    return high <= EQUAL * low and 1 / EQUAL <= math.sqrt(low * high) <= EQUAL


def without_drift(race: Sequence[Sequence[Sequence[float]]]) -> list[list[list[float]]]:
    """Return the rounds of a race, by contender, as if the machine had been equally fast in all of them.

    What slows a whole round down hits all contenders alike. So the logarithm of a round's median is taken for the sum
    of a contender's part and of the round's part (Tukey, "Exploratory Data Analysis", 1977, chapter 11: analysis by
    additive fit), and the round's part is taken away. As it was estimated from the n contenders of that round
    themselves, what remains is stretched by the square root of n / (n - 1). A round of one alone stays as it is.
    """
    logs = np.full((len(race), max(map(len, race), default=0)), np.nan)
    for place, rounds in enumerate(race):
        logs[place, : len(rounds)] = [math.log(np.median(each)) for each in rounds]
    present = np.sum(~np.isnan(logs), axis=0)
    factors = np.ones(logs.shape)
    if np.any(shared := present > 1):
        factors[:, shared] = _steadied(logs[:, shared], present[shared])
    return [
        [list(np.asarray(each) * factors[place, turn]) for turn, each in enumerate(rounds)]
        for place, rounds in enumerate(race)
    ]


def _steadied(logs: NDArray[np.float64], present: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return what to multiply each round of each contender by: float[contenders, rounds], NaN where there is none."""
    common = np.zeros(len(present))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a contender that shares no round has no part of its own
        own = np.nanmedian(logs, axis=1)
        for _ in range(_POLISHES):
            common = np.nanmean(logs - own[:, None], axis=0)
            common -= np.median(common)
            own = np.nanmedian(logs - common, axis=1)
    rest = logs - own[:, None] - common
    return np.asarray(np.exp(own[:, None] + rest * np.sqrt(present / (present - 1)) - logs))


def _paired_ratio(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the interval of the median of the ratios within rounds; the widest where there are too few rounds."""
    pairs = list(zip(first, second, strict=False))
    ratios = np.array([np.median(ours) / np.median(theirs) for ours, theirs in pairs])
    if len(ratios) < _SHORTEST_SERIES:
        return 0.0, math.inf
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.median(ratios[draws(len(ratios))], axis=1), [tail, 1 - tail])
    return float(low), float(high)


def _quantiles(pooled: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the shortest step, each further twentieth and the longest; of too few steps for quartiles, nothing."""
    if len(pooled) < _FEWEST_QUARTERED:
        return ()
    return tuple(np.quantile(pooled, np.linspace(0, 1, TWENTIETHS + 1)).tolist())


def _resampled_medians(rounds: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return the median of each resample, approximated for many steps by the median of the rounds' medians."""
    medians = np.array([np.median(each) for each in rounds])
    resampled: NDArray[np.float64] = np.median(medians[draws(len(medians))], axis=1)
    return resampled


@lru_cache(maxsize=64)
def draws(size: int) -> NDArray[np.intp]:
    """Return fixed random draws of `size` indices: the same data always give the same interval."""
    return np.random.default_rng(0).integers(0, size, (RESAMPLES, size))
