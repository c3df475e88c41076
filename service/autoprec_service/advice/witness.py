"""What one model says of one candidate, as far as the hardware that is asked about is concerned."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autoprec_probe.candidate import Candidate
from autoprec_runner.trial import TrialStatus
from autoprec_service.advice.staleness import Versions, differences
from autoprec_service.outcome import Outcome

STALE = 0.5
"""What is counted of something that was measured under other software."""
_CUT_OFF = math.log(0.25)
"""Stands for the speed of a candidate that was cut off: a step of four times that of the best ends it."""
_IN_STABILITY = 0.2
_MOST_IN_STABILITY = 0.5
"""What a difference in hardware counts for stability: formats round alike everywhere, kernels nearly."""
_SAME_HARDWARE = 0.5
_HARDER = {"bf16-mixed": "bf16-true", "16-mixed": "16-true"}
"""Which precision computes in the same format as a mixed one and rounds more: weights, and what is made of them."""
_BROKEN: tuple[TrialStatus, ...] = ("crashed", "error", "unsupported")


@dataclass(frozen=True, kw_only=True)
class Witness:
    """What was seen of one candidate on one model, on the nearest hardware.

    However often a model was measured, it is one witness: what it does on forty machines is not forty models' word.
    """

    model_fingerprint: str
    candidate: Candidate
    stable: bool | None
    """False as soon as any outcome says so, wherever and whenever it was measured; None where nobody judged. A mixed
    precision counts as stable where the true one of the same format, which rounds more, was."""
    stability_apart: float
    """What the hardware adds to the distance, for stability."""
    log_speedup: float | None
    speed_apart: float
    """What the hardware adds to the distance, for speed."""
    memory_ratio: float | None
    peak_memory_bytes: int | None
    broken: TrialStatus | None
    """How it ended on hardware as good as the same, where it did not run."""
    fresh: bool
    evidence: tuple[str, ...]
    """Ids of the trials behind it."""


def witnesses(
    outcomes: Iterable[Outcome], apart: Callable[[str], float], asked: Versions | None = None
) -> tuple[Witness, ...]:
    """Return what the outcomes of one model say, a witness a candidate, whatever their order.

    Args:
        outcomes: Those of one model in one mode.
        apart: How far the hardware with a key is from the one that is asked about.
        asked: The software that the question is about; None for that of the latest outcome.
    """
    found = sorted(outcomes, key=lambda each: (apart(each.hardware_key), each.measured_at, each.trial_id))
    if asked is None and found:
        asked = max(found, key=lambda each: (each.measured_at, each.trial_id)).software
    fresh = _fresh(found, asked or {})
    groups: dict[Candidate, list[Outcome]] = {}
    for each in found:
        groups.setdefault(each.candidate, []).append(each)
    made = {candidate: _witness(candidate, group, apart, fresh) for candidate, group in groups.items()}
    return tuple(_with_implied(each, made) for each in made.values())


def _fresh(outcomes: Iterable[Outcome], asked: Versions) -> set[str]:
    """Return the ids of what was measured under the software that is asked about; most have the same as another."""
    known: dict[tuple[tuple[str, str | None], ...], bool] = {}
    fresh = set()
    for each in outcomes:
        software = tuple(each.software.items())
        if software not in known:
            known[software] = not differences(each.software, asked)
        if known[software]:
            fresh.add(each.trial_id)
    return fresh


def is_stable(outcome: Outcome) -> bool | None:
    """Return whether the numbers held; None where nobody judged them."""
    return False if outcome.status == "unstable" else outcome.stable


def log_speedup(outcome: Outcome) -> float | None:
    """Return the logarithm of the speed over that of `32-true`; None where it was not measured."""
    if outcome.speedup is not None and 0 < outcome.speedup < math.inf:
        return math.log(outcome.speedup)
    return _CUT_OFF if outcome.status == "timeout" else None


def _witness(
    candidate: Candidate, outcomes: Sequence[Outcome], apart: Callable[[str], float], fresh: Collection[str]
) -> Witness:
    """Return what outcomes of one candidate say, those on the nearest hardware first."""
    failed = next((each for each in outcomes if is_stable(each) is False), None)
    judged = failed or next((each for each in outcomes if is_stable(each)), None)
    timed = _first_fresh([each for each in outcomes if log_speedup(each) is not None], fresh)
    weighed = _first_fresh([each for each in outcomes if each.peak_memory_bytes is not None], fresh)
    broken = next((each for each in outcomes if each.status in _BROKEN), None)
    nearest = timed or judged or outcomes[0]
    return Witness(
        model_fingerprint=nearest.model_fingerprint,
        candidate=candidate,
        stable=is_stable(judged) if judged else None,
        stability_apart=_for_stability(apart(judged.hardware_key)) if judged else math.inf,
        log_speedup=log_speedup(timed) if timed else None,
        speed_apart=apart(timed.hardware_key) if timed else math.inf,
        memory_ratio=weighed.memory_ratio if weighed else None,
        peak_memory_bytes=weighed.peak_memory_bytes if weighed else None,
        broken=broken.status if broken and apart(broken.hardware_key) <= _SAME_HARDWARE else None,
        fresh=nearest.trial_id in fresh,
        evidence=tuple(dict.fromkeys(each.trial_id for each in (judged, timed, weighed, broken) if each)),
    )


def _with_implied(witness: Witness, made: Mapping[Candidate, Witness]) -> Witness:
    """Return one that nobody judged as stable where a harder precision of its format is: studies stop at the first."""
    harder = _HARDER.get(witness.candidate.precision)
    if witness.stable is not None or witness.broken is not None or harder is None:
        return witness
    other = made.get(witness.candidate.model_copy(update={"precision": harder}))
    if other is None or other.stable is not True:
        return witness
    return replace(
        witness,
        stable=True,
        stability_apart=other.stability_apart,
        evidence=tuple(dict.fromkeys((*witness.evidence, *other.evidence))),
    )


def _first_fresh(outcomes: Sequence[Outcome], fresh: Collection[str]) -> Outcome | None:
    """Return the nearest outcome; of those on the same hardware one under the software that is asked about."""
    if not outcomes:
        return None
    same = [each for each in outcomes if each.hardware_key == outcomes[0].hardware_key]
    return next((each for each in reversed(same) if each.trial_id in fresh), same[-1])


def _for_stability(apart: float) -> float:
    return min(_IN_STABILITY * apart, _MOST_IN_STABILITY)
