"""What the trials of one candidate say together."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cached_property
from typing import get_args

from autoprec_probe.candidate import Candidate
from autoprec_runner.trial import Energy, MemoryParts, Phase, Stability, StepParts, StepTime, Trial
from autoprec_service.policy.progress import Progress, progress
from autoprec_service.policy.risk import REFERENCE_RISK, Risk, is_reference, numeric_risk

_PHASES: tuple[str, ...] = get_args(Phase)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One candidate with the trial that decides about it and the figures that count."""

    candidate: Candidate
    trial: Trial
    """The trial that decides: a failure that nothing has overridden, or else the most advanced trial that went well."""
    step_time: StepTime | None
    """From the race where there was one, because its rounds were interleaved; else from the most advanced trial.

    Only what was timed since the candidate's last sprint counts.
    """
    peak_memory_bytes: int | None
    stability: Stability | None
    energy: Energy | None = None
    parts: StepParts | None = None
    memory_parts: MemoryParts | None = None
    compile_seconds: float | None = None
    reference_losses: tuple[float, ...] = ()
    """What its losses are held against; empty by itself, and where the reference was not tried."""
    sources: tuple[str, ...]
    """Ids of the trials that all this was taken from."""

    @property
    def name(self) -> str:
        """Return what sentences call the candidate."""
        return str(self.candidate)

    @property
    def risk(self) -> Risk:
        """Return the rank of the candidate's numeric risk."""
        return numeric_risk(self.candidate)

    @property
    def is_reference(self) -> bool:
        """Return whether the others are judged by this candidate."""
        return is_reference(self.candidate)

    @property
    def is_beyond_reference(self) -> bool:
        """Return whether the candidate is more precise than the reference."""
        return self.risk < REFERENCE_RISK

    @cached_property
    def progress(self) -> Progress | None:
        """Return how fast it learns beside the reference; None where losses cannot tell.

        One that was not judged yet is taken to learn as fast, so that it gets its turn.
        """
        if self.trial.mode != "train":
            return None
        own = progress(self.reference_losses, self.reference_losses)
        if own is None or self.verdict != "stable":
            return own
        return progress(self.trial.losses, self.reference_losses)

    @property
    def verdict(self) -> str:
        """Return the verdict on the candidate's stability."""
        return self.stability.verdict if self.stability else "unjudged"

    @property
    def is_unstable(self) -> bool:
        """Return whether the candidate's numbers were found to be wrong."""
        return self.trial.status == "unstable" or self.verdict == "unstable"

    @property
    def is_sound(self) -> bool:
        """Return whether the candidate ran to its end and nothing was found wrong with its numbers."""
        return self.trial.status == "ok" and not self.is_unstable


def gathered(trials: Iterable[Trial]) -> list[Evidence]:
    """Return the evidence for each candidate, the safest first, whatever the order of the trials."""
    found = weighed(trials)
    reference = next((each for each in found if each.is_reference), None)
    losses = reference.trial.losses if reference else ()
    return sorted((replace(each, reference_losses=losses) for each in found), key=lambda each: (each.risk, each.name))


def weighed(trials: Iterable[Trial]) -> list[Evidence]:
    """Return the evidence for each candidate by itself, in the order in which they were first tried."""
    groups: dict[Candidate, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.candidate, []).append(trial)
    return [_evidence(candidate, sorted(group, key=_advance)) for candidate, group in groups.items()]


def _evidence(candidate: Candidate, trials: Sequence[Trial]) -> Evidence:
    """Return what `trials`, the most advanced last, say of a candidate."""
    latest_first = [trial for trial in reversed(trials) if trial.status == "ok"]
    raced_first = sorted(_of_last_attempt(latest_first), key=lambda trial: trial.phase != "race")
    failure = _standing_failure(trials)
    timed = next((trial for trial in raced_first if _is_usable(trial.step_time)), None)
    weighed = next((trial for trial in latest_first if trial.peak_memory_bytes is not None), None)
    deciding = failure or latest_first[0]
    judged = next((trial for trial in (deciding, *latest_first) if trial.stability is not None), None)
    metered = next((trial for trial in raced_first if trial.energy is not None), None)
    used = (deciding, timed, weighed, judged, metered)
    return Evidence(
        candidate=candidate,
        trial=deciding,
        step_time=timed.step_time if timed else None,
        peak_memory_bytes=weighed.peak_memory_bytes if weighed else None,
        stability=judged.stability if judged else None,
        energy=metered.energy if metered else None,
        parts=next((trial.parts for trial in latest_first if trial.parts), None),
        compile_seconds=next((trial.compile_seconds for trial in latest_first if trial.compile_seconds), None),
        memory_parts=next((trial.memory_parts for trial in latest_first if trial.memory_parts), None),
        sources=tuple(dict.fromkeys(trial.id for trial in used if trial)),
    )


def _of_last_attempt(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials since a candidate's last sprint.

    A study that goes on after an interruption sprints everybody again. What had raced before was timed beside others,
    on a machine in another state, and does not compare with who races now.
    """
    began = max((_start(trial) for trial in trials if trial.phase == "sprint"), default=-math.inf)
    return [trial for trial in trials if _start(trial) >= began]


def _standing_failure(trials: Sequence[Trial]) -> Trial | None:
    """Return the most advanced failure that no trial has overridden.

    What overrides a failure is a trial of the same or a later phase that went well and ended after it. So an earlier
    phase never makes up for a failure, and neither does what was measured before the failure.
    """
    well = [trial for trial in trials if trial.status == "ok"]
    failures = (trial for trial in reversed(trials) if trial.status != "ok")
    return next((each for each in failures if not any(_overrides(other, each) for other in well)), None)


def _overrides(well: Trial, failure: Trial) -> bool:
    phases = _phase(well), _phase(failure)
    return phases[0] >= phases[1] and (_end(well), phases[0]) > (_end(failure), phases[1])


def _advance(trial: Trial) -> tuple[int, float, float, str]:
    return _phase(trial), _start(trial), _end(trial), trial.id


def _phase(trial: Trial) -> int:
    return _PHASES.index(trial.phase)


def _start(trial: Trial) -> float:
    """Return when the trial began, in seconds of the epoch; a time without a zone is taken as UTC, here as elsewhere.

    Seconds rather than a date, because what a record says of its duration may lead beyond every calendar.
    """
    started = trial.started_at if trial.started_at.tzinfo else trial.started_at.replace(tzinfo=UTC)
    return started.timestamp()


def _end(trial: Trial) -> float:
    return _start(trial) + trial.wall_seconds


def _is_usable(time: StepTime | None) -> bool:
    """Return whether a step time can be put into a ratio."""
    if time is None:
        return False
    figures = (time.low_seconds, time.median_seconds, time.high_seconds)
    return all(math.isfinite(each) and each > 0 for each in figures)
