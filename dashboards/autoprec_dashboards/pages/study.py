"""One study: its answer, its candidates with what was measured of each, its figures, and how to run it again."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from autoprec_dashboards.figures import Point, loss_scales, losses, memory_parts, step_parts, step_times, tradeoff
from autoprec_dashboards.pages.figures import Panel
from autoprec_dashboards.pages.status import Badge, badge
from autoprec_dashboards.rounding import Told, told_duration, told_rate, told_ratio
from autoprec_probe.candidate import Candidate
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.quantities import percent, size
from autoprec_runner.study import Study
from autoprec_runner.trial import Check, EffectiveDtypes, Stability, Trial
from autoprec_service.policy import recommend
from autoprec_service.policy.evidence import Evidence, gathered
from autoprec_service.recommendation import Alternative, Recommendation, Rejected

_ROW_HEIGHT, _FRAME_HEIGHT = 34, 120
_SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One candidate."""

    name: str
    badge: Badge
    phase: str
    step_time: Told | None
    throughput: Told | None
    speedup: Told | None
    memory: Told | None
    """Its peak, and beside it the share of that of `32-true`."""
    deviation: Told | None
    """From the fp32 reference, and beside it what is allowed."""
    note: str
    remedy: str | None
    trial_id: str
    on_front: bool
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class Numerics:
    """What was seen of one candidate's numbers."""

    name: str
    badge: Badge
    stability: Stability
    checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """What the page of a study shows."""

    study: Study
    badge: Badge
    took_seconds: float | None
    answer: Recommendation
    speedup: Told | None
    rows: tuple[Row, ...]
    panels: tuple[Panel, ...]
    findings: tuple[Finding, ...]
    numerics: tuple[Numerics, ...]
    dtypes: tuple[tuple[str, EffectiveDtypes], ...]
    conditions: tuple[tuple[str, str], ...]
    software: tuple[tuple[str, str], ...]
    replay: str
    trials: tuple[Trial, ...]
    untried: tuple[str, ...]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to come."""
        return self.study.status != "running"


def study_view(study: Study, trials: Sequence[Trial], now: datetime) -> StudyView:
    """Return what is shown of a study and its trials so far."""
    answer = recommend(trials, objective=study.objective, constraints=study.constraints)
    evidences = {each.candidate: each for each in gathered(trials)}
    newest = max(trials, key=lambda each: each.started_at) if trials else None
    return StudyView(
        study=study,
        badge=badge(study.status),
        took_seconds=((study.finished_at or now) - study.started_at).total_seconds(),
        answer=answer,
        speedup=told_ratio(answer.speedup) if answer.speedup else None,
        rows=tuple(_rows(answer, evidences)),
        panels=tuple(_panels(answer, evidences, trials)),
        findings=tuple(sorted(study.findings, key=lambda each: _SEVERITIES.index(each.severity))),
        numerics=tuple(_numerics(evidences.values())),
        dtypes=tuple(_dtypes(trials)),
        conditions=_listed(newest.conditions) if newest else (),
        software=_listed(newest.software) if newest else (),
        replay=replay_command(study),
        trials=tuple(trials),
        untried=tuple(str(each) for each in study.candidates if each not in evidences),
    )


def replay_command(study: Study) -> str:
    """Return the command that asks the same question anew; a record holds no workload, so its place is named."""
    words = ["autoprec", "suggest", "WORKLOAD", "--fresh"]
    words += ["--mode", study.mode, "--objective", study.objective, "--seed", str(study.seed)]
    words += ["--budget", f"{study.budget_seconds:g}"]
    if study.strategy != "single":
        words += ["--strategy", study.strategy]
    if study.constraints.max_memory_bytes is not None:
        words += ["--max-memory", str(study.constraints.max_memory_bytes)]
    if study.constraints.tolerance is not None:
        words += ["--tolerance", f"{study.constraints.tolerance:g}"]
    return shlex.join(words)


def _rows(answer: Recommendation, evidences: dict[Candidate, Evidence]) -> Iterable[Row]:
    if answer.candidate is not None:
        reason = answer.reasons[0] if answer.reasons else ""
        yield _row(evidences[answer.candidate], answer, "chosen", note=reason)
    for each in answer.alternatives:
        yield _row(evidences[each.candidate], answer, "alternative", note=each.note, beside=each)
    for refused in answer.rejected:
        yield _row(evidences[refused.candidate], answer, refused.status, note=refused.reason, refused=refused)


def _row(
    evidence: Evidence,
    answer: Recommendation,
    word: str,
    *,
    note: str,
    beside: Alternative | None = None,
    refused: Rejected | None = None,
) -> Row:
    chosen = word == "chosen"
    ratio = answer.speedup if chosen else beside.speedup if beside else None
    share = answer.memory_ratio if chosen else beside.memory_ratio if beside else None
    stability = evidence.stability
    timed = evidence.trial.model_copy(update={"step_time": evidence.step_time})
    return Row(
        name=evidence.name,
        badge=badge(word),
        phase=evidence.trial.phase,
        step_time=told_duration(evidence.step_time) if evidence.step_time else None,
        throughput=told_rate(timed),
        speedup=told_ratio(ratio) if ratio else None,
        memory=_memory(evidence.peak_memory_bytes, share),
        deviation=_deviation(stability),
        note=note,
        remedy=refused.remedy if refused else None,
        trial_id=evidence.trial.id,
        on_front=len(answer.pareto) > 1 and evidence.candidate in answer.pareto,
        chosen=chosen,
    )


def _memory(peak_bytes: int | None, share: float | None) -> Told | None:
    if peak_bytes is None:
        return None
    return Told(value=size(peak_bytes), interval="" if share is None else f"{percent(share)} of 32-true")


def _deviation(stability: Stability | None) -> Told | None:
    if stability is None or stability.deviation is None:
        return None
    allowed = f"{percent(stability.allowed)} allowed" if stability.allowed is not None else ""
    return Told(value=percent(stability.deviation), interval=allowed)


def _panels(
    answer: Recommendation,
    evidences: dict[Candidate, Evidence],
    trials: Sequence[Trial],
) -> Iterable[Panel]:
    """Return the figures that there is something to draw of."""
    points = {each: _point(found, answer) for each, found in evidences.items()}
    drawn = [each for each in points.values() if each]
    if drawn:
        front = [point for each in answer.pareto if (point := points.get(each))]
        yield Panel(
            id="tradeoff",
            title="Throughput against memory",
            caption="Median with 95 % interval. Up and to the left is better; the star was chosen, and the dotted line "
            "joins those that none other beats in both.",
            figure=tradeoff(drawn, front, speed="throughput"),
        )
    newest = {each.candidate: each for each in sorted(trials, key=lambda each: (len(each.losses), each.started_at))}
    followed = [each for each in newest.values() if each.losses]
    reference = next((each for each in followed if evidences[each.candidate].is_reference), None)
    if followed:
        yield Panel(
            id="losses",
            title="Loss beside the fp32 reference",
            caption="The band is the gap that is accepted in the mean over the compared tail.",
            figure=losses(reference, [each for each in followed if each is not reference]),
        )
    yield from _measured(evidences.values(), trials)


def _measured(evidences: Iterable[Evidence], trials: Sequence[Trial]) -> Iterable[Panel]:
    whole = [
        each.trial.model_copy(
            update={"step_time": each.step_time, "parts": each.parts, "memory_parts": each.memory_parts}
        )
        for each in evidences
    ]
    if spread := [each for each in whole if each.step_time and each.step_time.quantiles_seconds]:
        yield Panel(
            id="step-times",
            title="Step times",
            caption="Box: half of the steps. Whiskers: 5th to 95th percentile.",
            figure=step_times(spread),
            height=_height(len(spread)),
        )
    if held := [each for each in whole if each.memory_parts]:
        yield Panel(
            id="memory",
            title="What takes the memory",
            caption="At the peak of a step.",
            figure=memory_parts(held),
            height=_height(len(held)),
        )
    if split := [each for each in whole if each.parts]:
        yield Panel(
            id="parts",
            title="Where a step's time goes",
            caption="Medians over a few steps that were run for this alone.",
            figure=step_parts(split),
            height=_height(len(split)),
        )
    longest = {each.candidate: each for each in sorted(trials, key=lambda each: len(each.loss_scales))}
    if scaled := [each for each in longest.values() if len(each.loss_scales) > 1]:
        yield Panel(
            id="loss-scale",
            title="Path of the loss scale",
            caption="It halves where gradients overflowed and the step was skipped.",
            figure=loss_scales(scaled),
        )


def _height(bars: int) -> int:
    return _FRAME_HEIGHT + _ROW_HEIGHT * bars


def _point(evidence: Evidence, answer: Recommendation) -> Point | None:
    roles = {each.candidate: "alternative" for each in answer.alternatives}
    roles |= {each.candidate: each.status for each in answer.rejected}
    role = "chosen" if evidence.candidate == answer.candidate else roles.get(evidence.candidate, evidence.trial.status)
    whole = {"step_time": evidence.step_time, "peak_memory_bytes": evidence.peak_memory_bytes}
    return Point.of(evidence.trial.model_copy(update=whole), role)


def _numerics(evidences: Iterable[Evidence]) -> Iterable[Numerics]:
    for each in evidences:
        if each.stability is not None:
            yield Numerics(
                name=each.name,
                badge=badge(each.stability.verdict),
                stability=each.stability,
                checks=each.stability.checks,
            )


def _dtypes(trials: Sequence[Trial]) -> Iterable[tuple[str, EffectiveDtypes]]:
    found = {each.candidate: each.effective_dtypes for each in trials if each.effective_dtypes}
    return [(str(candidate), dtypes) for candidate, dtypes in found.items()]


def _listed(values: dict[str, str | None] | dict[str, str | int | float | None]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, f"{value:.4g}" if isinstance(value, float) else str(value))
        for name, value in values.items()
        if value is not None
    )
