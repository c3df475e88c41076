"""Speed against memory: one point a measured candidate, and the front between those whom nobody beats in both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from autoprec_dashboards.figures.figure import ALTERNATIVE, CHOSEN, REJECTED, Figure, axis, figure
from autoprec_runner.trial import StepTime, Trial

Speed = Literal["step time", "throughput"]

_COLOURS = {"chosen": CHOSEN, "alternative": ALTERNATIVE}
_PLACES = ("top center", "bottom center")
"""Names of neighbours stand above and below in turn."""
_LOGARITHMIC_FROM = 20
"""Ratio of the slowest to the fastest from which a linear axis would squeeze all others together."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """What is drawn of one candidate."""

    name: str
    role: str
    """`chosen`, `alternative`, or the status of one that does not qualify."""
    step_time: StepTime
    samples_per_second: float | None
    """By the median step; None where a batch has no samples to count, so that steps are counted."""
    peak_memory_bytes: int
    note: str

    @classmethod
    def of(cls, trial: Trial, role: str) -> Self | None:
        """Return the point of a trial, None where time or memory was not measured."""
        if trial.step_time is None or trial.peak_memory_bytes is None:
            return None
        return cls(
            name=str(trial.candidate),
            role=role,
            step_time=trial.step_time,
            samples_per_second=trial.samples_per_second,
            peak_memory_bytes=trial.peak_memory_bytes,
            note=trial.reason,
        )

    @property
    def mebibytes(self) -> float:
        """Peak memory in MiB."""
        return self.peak_memory_bytes / 2**20


def tradeoff(points: Sequence[Point], front: Sequence[Point], *, speed: Speed, title: str | None = None) -> Figure:
    """Return step time in ms, or samples (else steps) a second, with its 95 % interval, against peak memory in MiB."""
    figures = _milliseconds if speed == "step time" else _rates
    heights = [figures(each)[1] for each in points]
    layout = {
        "xaxis": axis("peak memory of a step (MiB)"),
        "yaxis": axis(_unit(points, speed), **_scale(heights)),
    }
    ordered = sorted(points, key=lambda each: each.peak_memory_bytes)
    places = {each.name: _PLACES[number % len(_PLACES)] for number, each in enumerate(ordered)}
    markers = [_marker(each, speed, places[each.name]) for each in points]
    return figure([*([_line(front, speed)] if len(front) > 1 else []), *markers], layout | _titled(title))


def _titled(title: str | None) -> Figure:
    return {"title": {"text": title}, "margin": {"t": 96}} if title else {}


def _marker(point: Point, speed: Speed, place: str) -> Figure:
    low, value, high = (_milliseconds if speed == "step time" else _rates)(point)
    return {
        "type": "scatter",
        "x": [point.mebibytes],
        "y": [value],
        "error_y": {"type": "data", "array": [high - value], "arrayminus": [value - low], "symmetric": False},
        "mode": "markers+text",
        "text": [point.name],
        "textposition": place,
        "cliponaxis": False,
        "marker": {
            "size": 14 if point.role == "chosen" else 9,
            "symbol": "star" if point.role == "chosen" else "circle",
            "color": _COLOURS.get(point.role, REJECTED),
        },
        "hovertext": [point.note],
        "hoverinfo": "text",
        "name": f"{point.name} ({point.role})",
    }


def _line(front: Sequence[Point], speed: Speed) -> Figure:
    ordered = sorted(front, key=lambda each: each.peak_memory_bytes)
    return {
        "type": "scatter",
        "x": [each.mebibytes for each in ordered],
        "y": [(_milliseconds if speed == "step time" else _rates)(each)[1] for each in ordered],
        "mode": "lines",
        "line": {"dash": "dot", "shape": "hv", "color": "#999999"},
        "hoverinfo": "skip",
        "name": "Pareto front",
    }


def _milliseconds(point: Point) -> tuple[float, float, float]:
    """Return the lower end, median and upper end of the step time in ms."""
    time = point.step_time
    return time.low_seconds * 1e3, time.median_seconds * 1e3, time.high_seconds * 1e3


def _rates(point: Point) -> tuple[float, float, float]:
    """Return the lower end, median and upper end of what is done in a second."""
    time = point.step_time
    count = 1.0 if point.samples_per_second is None else point.samples_per_second * time.median_seconds
    return count / time.high_seconds, count / time.median_seconds, count / time.low_seconds


def _unit(points: Sequence[Point], speed: Speed) -> str:
    if speed == "step time":
        return "step time (ms)"
    counted = any(each.samples_per_second is not None for each in points)
    return "throughput (samples/s)" if counted else "throughput (steps/s)"


def _scale(heights: Sequence[float]) -> Figure:
    wide = bool(heights) and max(heights) >= _LOGARITHMIC_FROM * min(heights) > 0
    return {"type": "log"} if wide else {"rangemode": "tozero"}
