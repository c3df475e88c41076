"""What each objective minimises, and when two figures cannot be told apart."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from autoprec_runner.quantities import figure
from autoprec_runner.trial import Objective
from autoprec_runner.trials.measure import EQUAL
from autoprec_service.formatting import duration, size
from autoprec_service.policy.evidence import Evidence

NOISE = EQUAL
"""Figures that differ by a factor below this count as equal, however narrow their intervals."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A figure to be minimised, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """A figure that an objective goes by, and how sentences speak of it."""

    score: Callable[[Evidence], Score | None]
    told: Callable[[Evidence], str]
    better: str
    worse: str


def step_seconds(evidence: Evidence) -> Score | None:
    """Return the time of a step."""
    time = evidence.step_time
    if time is None:
        return None
    return Score(value=time.median_seconds, low=time.low_seconds, high=time.high_seconds)


def peak_bytes(evidence: Evidence) -> Score | None:
    """Return the peak memory, at least one byte: a model too small to be seen still has a place in a ratio."""
    if evidence.peak_memory_bytes is None:
        return None
    peak = float(max(1, evidence.peak_memory_bytes))
    return Score(value=peak, low=peak, high=peak)


def balance(evidence: Evidence) -> Score | None:
    """Return the geometric mean of time and memory; the order is that of the ratios to any reference."""
    time, memory = step_seconds(evidence), peak_bytes(evidence)
    if time is None or memory is None:
        return None
    return Score(
        value=math.sqrt(time.value * memory.value),
        low=math.sqrt(time.low * memory.low),
        high=math.sqrt(time.high * memory.high),
    )


def joules(evidence: Evidence) -> Score | None:
    """Return the energy of a sample."""
    energy = evidence.energy
    if energy is None:
        return None
    return Score(value=energy.joules_per_sample, low=energy.low_joules, high=energy.high_joules)


def progress_seconds(evidence: Evidence) -> Score | None:
    """Return the time in which the loss falls as far as it does in one step of the reference."""
    time, progress = step_seconds(evidence), evidence.progress
    if time is None or progress is None:
        return None
    return Score(
        value=time.value / progress.value,
        low=time.low / progress.high,
        high=time.high / progress.low,
    )


def told_time(evidence: Evidence) -> str:
    """Return the time of one step as sentences tell it."""
    return duration(evidence.step_time.median_seconds) if evidence.step_time else "an unknown time"


def told_memory(evidence: Evidence) -> str:
    """Return the peak memory as sentences tell it."""
    return "an unknown peak" if evidence.peak_memory_bytes is None else size(evidence.peak_memory_bytes)


def _told_joules(evidence: Evidence) -> str:
    return f"{figure(evidence.energy.joules_per_sample)} J a sample" if evidence.energy else "an unknown energy"


def _told_progress(evidence: Evidence) -> str:
    score = progress_seconds(evidence)
    return f"{duration(score.value)} for a reference step's progress" if score else "unknown progress"


def _told_both(evidence: Evidence) -> str:
    return f"{told_time(evidence)} and {told_memory(evidence)}"


TIME = Criterion(score=step_seconds, told=told_time, better="faster", worse="slower")
MEMORY = Criterion(score=peak_bytes, told=told_memory, better="less memory", worse="more memory")
BALANCE = Criterion(score=balance, told=_told_both, better="better balance", worse="worse balance")
ENERGY = Criterion(score=joules, told=_told_joules, better="less energy", worse="more energy")
PROGRESS = Criterion(score=progress_seconds, told=_told_progress, better="learns faster", worse="learns more slowly")

CRITERIA: dict[Objective, tuple[Criterion, ...]] = {
    "throughput": (TIME,),
    "memory": (MEMORY, TIME),
    "balanced": (BALANCE,),
    "energy": (ENERGY,),
    "time-to-loss": (PROGRESS,),
}
"""What decides, in turn: the next criterion counts among those whom the one before cannot tell apart.

Where no meter could be read, nothing decides about energy, and no other figure stands in for it.
"""


def within_noise(one: Score, other: Score) -> bool:
    """Return whether two figures cannot be told apart: their intervals overlap, or they differ by less than 2 %."""
    overlap = one.low <= other.high and other.low <= one.high
    return overlap or max(one.value, other.value) < NOISE * min(one.value, other.value)
