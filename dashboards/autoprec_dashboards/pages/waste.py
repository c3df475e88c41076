"""Hours lost to the wrong precision: what training runs use, held against what was measured to be best there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoprec_dashboards.pages.qualified import best_of, newest_by, of_precision, qualifies
from autoprec_service.outcome import Outcome
from autoprec_service.run import Run

_SECONDS_AN_HOUR = 3600
Place = tuple[str | None, str]
"""Model fingerprint and hardware key."""


@dataclass(frozen=True, kw_only=True)
class Waste:
    """Runs of one model on one hardware in one precision."""

    workload: str
    model_fingerprint: str | None
    hardware_key: str
    precision: str
    best: str | None
    """None where nothing was measured that qualifies."""
    runs: int
    hours: float
    lost_hours: float | None
    """What the best precision would have saved; None where the two were not measured beside each other."""
    unstable: bool
    """Whether the precision that is used was found unstable."""


@dataclass(frozen=True, kw_only=True)
class WasteView:
    """All that is known of reported runs."""

    rows: tuple[Waste, ...]
    """The most lost first."""
    runs: int
    hours: float
    judged_hours: float
    """Hours of runs whose precision was measured beside the best."""
    lost_hours: float

    @property
    def share(self) -> float | None:
        """The lost share of the hours that could be judged."""
        return self.lost_hours / self.judged_hours if self.judged_hours else None


def waste_view(runs: Sequence[Run], outcomes: Mapping[Place, Sequence[Outcome]]) -> WasteView:
    """Return what runs lost; `outcomes` holds those of each model and hardware that a run reports."""
    groups: dict[tuple[Place, str], list[Run]] = {}
    for each in runs:
        groups.setdefault(((each.model_fingerprint, each.hardware_key), each.precision), []).append(each)
    rows = [_waste(group, outcomes.get(place, ())) for (place, _), group in groups.items()]
    judged = [each for each in rows if each.lost_hours is not None]
    return WasteView(
        rows=tuple(sorted(rows, key=lambda each: (-(each.lost_hours or 0.0), -each.hours))),
        runs=len(runs),
        hours=sum(each.hours for each in rows),
        judged_hours=sum(each.hours for each in judged),
        lost_hours=sum(each.lost_hours or 0.0 for each in judged),
    )


def hours_of(run: Run) -> float:
    """Return how long a run has gone on, as far as was heard."""
    return max(0.0, ((run.ended_at or run.seen_at) - run.started_at).total_seconds()) / _SECONDS_AN_HOUR


def _waste(runs: Sequence[Run], outcomes: Sequence[Outcome]) -> Waste:
    first = runs[0]
    of_mode = [each for each in outcomes if first.mode in {None, each.mode}]
    newest = newest_by(of_mode, lambda each: each.hardware_key).get(first.hardware_key, [])
    best, used = best_of(newest), of_precision(newest).get(first.precision)
    hours = sum(map(hours_of, runs))
    return Waste(
        workload=first.workload,
        model_fingerprint=first.model_fingerprint,
        hardware_key=first.hardware_key,
        precision=first.precision,
        best=str(best.candidate) if best else None,
        runs=len(runs),
        hours=hours,
        lost_hours=None if best is None or used is None else _lost(hours, best, used),
        unstable=used is not None and not qualifies(used) and used.stable is False,
    )


def _lost(hours: float, best: Outcome, used: Outcome) -> float | None:
    """Return hours that the same steps would not have taken in the best precision."""
    if not best.step_seconds or not used.step_seconds:
        return None
    return hours * max(0.0, 1 - best.step_seconds / used.step_seconds)
