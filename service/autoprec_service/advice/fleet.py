"""One question about all hardware that is known: the best on each kind, the best for all, and the best of all."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime

from autoprec_probe.candidate import Candidate
from autoprec_service.advice.adviser import Adviser, Found
from autoprec_service.advice.answer import OnHardware, OverFleet
from autoprec_service.advice.machines import machine_by_key, machine_of
from autoprec_service.advice.predicted import predicted_seconds
from autoprec_service.advice.question import Question
from autoprec_service.advice.subject import Subject, subject_of
from autoprec_service.advice.target import Target
from autoprec_service.errors import UnknownHardwareError
from autoprec_service.formatting import ratio
from autoprec_service.policy.risk import is_reference, numeric_risk
from autoprec_service.store import Store

MOST = 200
"""Kinds of hardware that are asked about at once."""
_PAGE = 500


def over_fleet(adviser: Adviser, store: Store, question: Question, now: datetime) -> tuple[Found, OverFleet]:
    """Return the answer on the best hardware, and what holds over all of it.

    Raises:
        UnknownHardwareError: No machine reports, and nothing was measured on any.
    """
    targets = list(_targets(store))
    if not targets:
        raise UnknownHardwareError(
            "No hardware is known here: no agent reports, and nothing was measured. Name some in hardware_key, such as "
            "nvidia-h100-80gb-hbm3, or give a profile."
        )
    found = [adviser.find(store, question, each, now) for each in targets]
    subject = subject_of(store, question)
    rows = tuple(_row(each, subject) for each in found)
    best = _best(rows)
    single, gain, reason = _single(found)
    fleet = OverFleet(by_hardware=rows, single=single, single_speedup=gain, single_reason=reason, best=best)
    chosen = next((each for each in found if best is not None and each.target.key == best.hardware_key), None)
    return chosen or max(found, key=lambda each: (each.recommendation.confidence, each.target.key)), fleet


def _targets(store: Store) -> Iterator[Target]:
    """Yield the kinds of hardware of machines that report, else those on which something was measured."""
    found: dict[str, Target] = {}
    after: str | None = None
    while page := store.nodes(limit=_PAGE, after=after):
        after = page[-1].name
        for node in page:
            if node.profile is not None and node.profile.key not in found:
                found[node.profile.key] = Target(machine=machine_of(node.profile, node.profile.key))
    if not found:
        keys = (each.key for each in store.hardware(limit=MOST))
        found = {key: Target(machine=machine_by_key(key)) for key in keys}
    yield from (found[key] for key in sorted(found)[:MOST])


def _row(found: Found, subject: Subject) -> OnHardware:
    answer = found.recommendation
    return OnHardware(
        hardware_key=found.target.key,
        precision=answer.precision,
        candidate=answer.candidate,
        basis=answer.basis,
        confidence=answer.confidence,
        speedup=answer.speedup,
        step_seconds=_seconds(found, subject) if answer.candidate else None,
        reason=answer.reasons[0],
    )


def _seconds(found: Found, subject: Subject) -> float | None:
    """Return the time of a step: measured, else that of `32-true` as predicted over the expected gain."""
    answer = found.recommendation
    measured = (each.step_seconds for each in found.outcomes if each.candidate == answer.candidate)
    if (seconds := next(measured, None)) is not None:
        return seconds
    reference = predicted_seconds(subject, found.target, "32-true")
    gain = answer.speedup.value if answer.speedup else 1.0
    return reference / gain if reference else None


def _best(rows: Sequence[OnHardware]) -> OnHardware | None:
    timed = [each for each in rows if each.step_seconds is not None]
    return min(timed, key=lambda each: (each.step_seconds or math.inf, each.hardware_key), default=None)


def _single(found: Sequence[Found]) -> tuple[str | None, float | None, str]:
    """Return the one precision for all hardware, its mean gain, and why."""
    usable = [dict(_usable(each)) for each in found]
    common = [each for each in usable[0] if all(each in other for other in usable)]
    everywhere = "here" if len(found) == 1 else f"on all {len(found)} kinds of hardware"
    if not common:
        return None, None, f"No candidate may be used {everywhere}."
    means = {each: math.exp(math.fsum(math.log(other[each]) for other in usable) / len(usable)) for each in common}
    best = min(common, key=lambda each: (-round(means[each], 3), numeric_risk(each), str(each)))
    reason = f"{best} may be used {everywhere} and is {ratio(means[best])} times as fast as 32-true in the mean."
    return str(best), means[best], reason


def _usable(found: Found) -> Iterator[tuple[Candidate, float]]:
    """Yield the candidates that may be used on this hardware, with their speed over that of `32-true`."""
    answer = found.recommendation
    if answer.candidate is not None:
        yield answer.candidate, answer.speedup.value if answer.speedup else 1.0
    for each in answer.alternatives:
        if each.qualified and (each.speedup is not None or is_reference(each.candidate)):
            yield each.candidate, each.speedup.value if each.speedup else 1.0
