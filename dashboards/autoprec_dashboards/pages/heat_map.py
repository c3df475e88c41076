"""Precision × hardware of one model: how much faster, how much smaller, how stable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from autoprec_dashboards.pages.qualified import best_of, geometric_mean, newest_by, of_precision, qualifies, rank
from autoprec_runner.quantities import duration, percent, size
from autoprec_service.formatting import ratio
from autoprec_service.outcome import Outcome

Shown = Literal["speed-up", "memory", "stability"]
SHOWN: tuple[Shown, ...] = ("speed-up", "memory", "stability")

_BETTER = ((2.0, "u3"), (1.3, "u2"), (1.05, "u1"), (0.95, "u0"), (0.75, "d1"), (0.5, "d2"))
"""From which ratio on a cell has which colour; what is worse than the last is darkest."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One precision on one hardware."""

    text: str
    detail: str = ""
    level: str = "none"
    """Its colour: `u1` to `u3` are better than `32-true`, `d1` to `d3` worse, `x` does not qualify."""
    study_id: str | None = None
    best: bool = False


@dataclass(frozen=True, kw_only=True)
class HeatRow:
    """One hardware."""

    hardware_key: str
    cells: tuple[Cell, ...]
    best: str | None
    best_speedup: str | None
    study_id: str


@dataclass(frozen=True, kw_only=True)
class Common:
    """The one string that serves all hardware best."""

    precision: str
    speedup: float
    """The geometric mean over the hardware."""
    places: int
    places_known: int


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """Rows of hardware, columns of precisions."""

    columns: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    common: Common | None


def heat_map(outcomes: Sequence[Outcome], shown: Shown) -> HeatMap:
    """Return the map of one model from the newest study of each hardware."""
    newest = newest_by(outcomes, lambda each: each.hardware_key)
    cells = {key: of_precision(group) for key, group in newest.items()}
    columns = sorted({name for found in cells.values() for name in found}, key=rank)
    rows = [_row(key, newest[key], cells[key], columns, shown) for key in sorted(newest)]
    return HeatMap(columns=tuple(columns), rows=tuple(rows), common=best_common(cells))


def best_common(cells: dict[str, dict[str, Outcome]]) -> Common | None:
    """Return which precision serves the most hardware, and among those which is fastest in the geometric mean."""
    served: dict[str, list[float]] = {}
    for found in cells.values():
        for name, outcome in found.items():
            if qualifies(outcome) and outcome.speedup:
                served.setdefault(name, []).append(outcome.speedup)
    if not served:
        return None
    name = max(served, key=lambda each: (len(served[each]), geometric_mean(served[each])))
    return Common(
        precision=name, speedup=geometric_mean(served[name]), places=len(served[name]), places_known=len(cells)
    )


def _row(key: str, outcomes: list[Outcome], found: dict[str, Outcome], columns: Sequence[str], shown: Shown) -> HeatRow:
    best = best_of(outcomes)
    cells = tuple(
        _cell(found.get(name), shown, is_best=best is not None and found.get(name) is best) for name in columns
    )
    return HeatRow(
        hardware_key=key,
        cells=cells,
        best=str(best.candidate) if best else None,
        best_speedup=f"{ratio(best.speedup)}×" if best and best.speedup else None,
        study_id=outcomes[0].study_id,
    )


def _cell(outcome: Outcome | None, shown: Shown, *, is_best: bool) -> Cell:
    if outcome is None:
        return Cell(text="–", detail="not tried")
    if outcome.status != "ok" or outcome.stable is False:
        word = "unstable" if outcome.stable is False else outcome.status
        return Cell(text=word, detail=_speed(outcome), level="x", study_id=outcome.study_id)
    text, detail, level = _FACES[shown](outcome)
    return Cell(text=text, detail=detail, level=level, study_id=outcome.study_id, best=is_best)


def _speed_face(outcome: Outcome) -> tuple[str, str, str]:
    if outcome.speedup is None:
        return "ran", "not timed beside 32-true", "u0"
    return f"{ratio(outcome.speedup)}×", _speed(outcome), level_of(outcome.speedup)


def _memory_face(outcome: Outcome) -> tuple[str, str, str]:
    if outcome.memory_ratio is None:
        return "ran", "memory unknown", "u0"
    peak = size(outcome.peak_memory_bytes) if outcome.peak_memory_bytes else ""
    return percent(outcome.memory_ratio), peak, level_of(1 / outcome.memory_ratio if outcome.memory_ratio else 1.0)


def _stability_face(outcome: Outcome) -> tuple[str, str, str]:
    if outcome.stable:
        return "stable", _speed(outcome), "u2"
    return ("reference" if qualifies(outcome) else "not verified"), _speed(outcome), "u0"


_FACES = {"speed-up": _speed_face, "memory": _memory_face, "stability": _stability_face}


def level_of(better: float) -> str:
    """Return the colour of a ratio to `32-true` of which more is better."""
    return next((name for least, name in _BETTER if better >= least), "d3")


def _speed(outcome: Outcome) -> str:
    return f"{duration(outcome.step_seconds)} a step" if outcome.step_seconds else ""
