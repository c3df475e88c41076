"""Studies as they happen: which phase, what was found so far, how much time is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from autoprec_dashboards.pages.status import Badge, badge
from autoprec_dashboards.rounding import Told, told_duration, told_ratio
from autoprec_runner.study import Study
from autoprec_runner.trial import Phase, Trial
from autoprec_service.policy import recommend

PHASES: tuple[Phase, ...] = get_args(Phase)
_SHOWN_TRIALS = 6
_PATIENCE_SECONDS = 60.0
"""How far beyond its budget a study may be silent before it is called so: trials end what they have begun."""

StepState = Literal["done", "now", "open"]


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One finished trial in a line."""

    id: str
    name: str
    phase: str
    badge: Badge
    told: Told | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class LiveStudy:
    """One study that runs."""

    id: str
    model_fingerprint: str
    name: str
    about: str
    hardware_key: str
    mode: str
    objective: str
    started_at: datetime
    elapsed_seconds: float
    left_seconds: float
    share: float
    """Of the budget that is spent, 0 to 1."""
    phases: tuple[tuple[str, StepState, int], ...]
    """Each phase, whether it is over, and how many trials it has finished."""
    tried: int
    candidates: int
    best: str | None
    speedup: Told | None
    latest: tuple[Happened, ...]
    silent: bool
    """Whether it is far beyond its budget: its process was probably ended."""


@dataclass(frozen=True, kw_only=True)
class LiveView:
    """What runs, and what has just ended."""

    running: tuple[LiveStudy, ...]
    more: bool
    ended: tuple[Study, ...]


def live_study(study: Study, trials: Sequence[Trial], now: datetime) -> LiveStudy:
    """Return a study with its trials so far."""
    elapsed = max(0.0, (now - study.started_at).total_seconds())
    answer = recommend(trials, objective=study.objective, constraints=study.constraints)
    name, _, about = study.workload.partition(": ")
    newest = sorted(trials, key=lambda each: each.started_at, reverse=True)
    return LiveStudy(
        id=study.id,
        model_fingerprint=study.model_fingerprint,
        name=name,
        about=about,
        hardware_key=study.hardware_key,
        mode=study.mode,
        objective=study.objective,
        started_at=study.started_at,
        elapsed_seconds=elapsed,
        left_seconds=max(0.0, study.budget_seconds - elapsed),
        share=min(1.0, elapsed / study.budget_seconds) if study.budget_seconds else 1.0,
        phases=_phases(trials),
        tried=len({each.candidate for each in trials}),
        candidates=len({*study.candidates, *(each.candidate for each in trials)}),
        best=str(answer.candidate) if answer.candidate else None,
        speedup=told_ratio(answer.speedup) if answer.speedup else None,
        latest=tuple(map(_happened, newest[:_SHOWN_TRIALS])),
        silent=elapsed > 2 * study.budget_seconds + _PATIENCE_SECONDS,
    )


def _phases(trials: Sequence[Trial]) -> tuple[tuple[str, StepState, int], ...]:
    """Return each phase; the furthest that has a finished trial is the one that goes on."""
    reached = max((PHASES.index(each.phase) for each in trials), default=0)
    return tuple(
        (phase, _state(number, reached), sum(each.phase == phase for each in trials))
        for number, phase in enumerate(PHASES)
    )


def _state(number: int, reached: int) -> StepState:
    if number == reached:
        return "now"
    return "done" if number < reached else "open"


def _happened(trial: Trial) -> Happened:
    return Happened(
        id=trial.id,
        name=str(trial.candidate),
        phase=trial.phase,
        badge=badge(trial.status),
        told=told_duration(trial.step_time) if trial.step_time else None,
        reason=trial.reason.splitlines()[0] if trial.reason else "",
    )
