"""Why a candidate is recommended, in full sentences."""

from collections.abc import Iterator

from autoprec_runner.trial import Objective
from autoprec_service.formatting import listed, percent, ratio, size
from autoprec_service.policy.bottlenecks import bottleneck_reasons
from autoprec_service.policy.compilation import compilation_note
from autoprec_service.policy.evidence import Evidence
from autoprec_service.policy.field import Field
from autoprec_service.policy.largest import largest_batch_note
from autoprec_service.policy.ranking import Choice, by_preference
from autoprec_service.policy.ratios import is_noise, memory_ratio, speedup
from autoprec_service.policy.scores import CRITERIA, NOISE, told_memory, told_time, within_noise
from autoprec_service.policy.surroundings import disturbances

_MOSTLY_STANDING = 0.5

_BETTER: dict[Objective, str] = {
    "throughput": "faster",
    "memory": "smaller",
    "energy": "more economical",
    "balanced": "better in time and memory together",
    "time-to-loss": "faster in learning",
}


def reasons_for(choice: Choice, field: Field) -> tuple[str, ...]:
    """Return the sentences, the most important first."""
    return tuple(_reasons(choice, field))


def _reasons(choice: Choice, field: Field) -> Iterator[str]:
    pick, reference = choice.pick, field.reference
    if field.reference_is_unstable and reference is not None:
        yield f"{reference.name} is itself unstable on this workload: {unstable_because(reference)}"
    yield _alone(choice, field) if pick.is_reference else _time(pick, reference)
    if figures := _by_objective(pick, reference, field.objective):
        yield figures
    if memory := _memory(pick, reference):
        yield memory
    told = (compilation_note(pick, field.evidences), largest_batch_note(pick))
    yield from (f"{each[0].upper()}{each[1:]}." for each in told if each)
    yield from bottleneck_reasons(pick, reference)
    if riskier := [each.name for each in choice.tied if each.risk > pick.risk]:
        verb = "is" if len(riskier) == 1 else "are"
        yield f"{listed(riskier)} {verb} as good within the noise, and {pick.name} carries less numeric risk."
    if pick.stability and not pick.is_reference:
        yield pick.stability.sentence
        yield from (each.sentence for each in pick.stability.checks if each.verdict == "warning")
    if note := _note(pick):
        yield note
    unverified = [each for each in field.unverified if not field.is_pointless(each)]
    if promising := [each.name for each in unverified if _is_better(each, pick, field)]:
        yield f"{listed(promising)} measured better and could not be verified; a larger budget may tell."
    yield from disturbances(pick)
    if limit := field.constraints.max_memory_bytes:
        yield f"Its peak memory of {told_memory(pick)} stays within max_memory ({size(limit)})."


def _note(pick: Evidence) -> str | None:
    """Return what the precision says of its conversion: what it left out, and what weights take."""
    return pick.trial.effective_dtypes.note if pick.trial.effective_dtypes else None


def unstable_because(evidence: Evidence) -> str:
    """Return what was wrong with a candidate's numbers, in a sentence."""
    if evidence.stability and evidence.stability.verdict == "unstable":
        return evidence.stability.sentence
    return evidence.trial.reason


def _is_better(evidence: Evidence, pick: Evidence, field: Field) -> bool:
    criterion = CRITERIA[field.objective][0]
    ours, theirs = criterion.score(evidence), criterion.score(pick)
    if field.reference_is_unstable or ours is None or theirs is None:  # no budget makes up for the yardstick
        return False
    return ours.value < theirs.value and not within_noise(ours, theirs)


def _alone(choice: Choice, field: Field) -> str:
    figure = _figure(choice.pick, field)
    better = _BETTER[field.objective]
    others = [
        each
        for each in (*field.qualified, *field.unverified)
        if each is not choice.pick
        and each.step_time
        and not (field.is_pointless(each) and _is_better(each, choice.pick, field))
    ]
    if not others:
        return f"{choice.pick.name} took {figure}; no other candidate qualifies."
    nearest = by_preference(others, field.objective)[0]
    compared = f"the nearest, {nearest.name}, took {_figure(nearest, field)}"
    if _is_better(nearest, choice.pick, field):
        return f"{choice.pick.name} took {figure}; no faster candidate was verified: {compared}."
    return f"{choice.pick.name} took {figure}; no other candidate was {better} by more than the noise: {compared}."


def _figure(evidence: Evidence, field: Field) -> str:
    time, memory = f"{told_time(evidence)} a step", f"{told_memory(evidence)} at its peak"
    if field.objective in {"energy", "time-to-loss"}:
        return f"{time} and {CRITERIA[field.objective][0].told(evidence)}"
    return {"throughput": time, "memory": memory}.get(field.objective, f"{time} and {memory}")


def _time(pick: Evidence, reference: Evidence | None) -> str:
    gain = speedup(pick, reference)
    if gain is None or reference is None:
        return f"{pick.name} took {told_time(pick)} a step; without one of 32-true, its gain is unknown."
    sentence = (
        f"{pick.name} took {told_time(pick)} a step against {told_time(reference)} for {reference.name}: "
        f"{ratio(gain.value)} times as fast (95 % interval {ratio(gain.low)} to {ratio(gain.high)})"
    )
    return f"{sentence}, which is within the noise." if is_noise(gain) else f"{sentence}."


def _by_objective(pick: Evidence, reference: Evidence | None, objective: Objective) -> str | None:
    """Return the figures of an objective that goes by neither time nor memory."""
    if objective not in {"energy", "time-to-loss"} or reference is None or pick.is_reference:
        return None
    told = CRITERIA[objective][0].told
    return f"By the objective {objective!r}: {told(pick)} against {told(reference)} for {reference.name}."


def _memory(pick: Evidence, reference: Evidence | None) -> str | None:
    share = memory_ratio(pick, reference)
    if share is None or reference is None or pick.is_reference:
        return None
    figures = f"Its peak memory was {told_memory(pick)} against {told_memory(reference)} for {reference.name}"
    if 1 / NOISE < share < NOISE:
        return f"{figures}: the same.{_standing(pick)}"
    return (
        f"{figures}: {percent(abs(1 - share))} {'less' if share < 1 else 'more'}.{_standing(pick) if share > 1 else ''}"
    )


def _standing(pick: Evidence) -> str:
    """Say what part of the memory a mixed precision leaves as it is, where it saved nothing."""
    if pick.memory_parts is None or not pick.candidate.precision.endswith("-mixed") or not pick.peak_memory_bytes:
        return ""
    share = min(1.0, pick.memory_parts.standing_bytes / pick.peak_memory_bytes)
    if share < _MOSTLY_STANDING:
        return ""
    return (
        f" Of it, {percent(share)} are weights, gradients and optimizer state, which a mixed precision keeps in fp32."
    )
