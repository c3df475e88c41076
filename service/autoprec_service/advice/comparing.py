"""A recommendation beside what the caller uses now."""

from autoprec_probe.candidate import Candidate
from autoprec_service.policy.risk import is_reference
from autoprec_service.recommendation import Ratio, Recommendation

_SAME = Ratio(value=1.0, low=1.0, high=1.0)


def gain_over(current: Candidate, answer: Recommendation) -> Ratio | None:
    """Return the speed of what is recommended over that of `current`; None where either is not known.

    The interval goes from the lowest to the highest ratio that both intervals allow.
    """
    if answer.candidate == current:
        return _SAME
    ours = answer.speedup or (_SAME if answer.candidate and is_reference(answer.candidate) else None)
    theirs = _speedup(current, answer)
    if ours is None or theirs is None or not min(theirs.low, theirs.value, theirs.high) > 0:
        return None
    return Ratio(value=ours.value / theirs.value, low=ours.low / theirs.high, high=ours.high / theirs.low)


def memory_over(current: Candidate, answer: Recommendation) -> float | None:
    """Return the peak memory of what is recommended over that of `current`; None where either is not known."""
    if answer.candidate == current:
        return 1.0
    ours = answer.memory_ratio or (1.0 if answer.candidate and is_reference(answer.candidate) else None)
    alternatives = (each.memory_ratio for each in answer.alternatives if each.candidate == current)
    theirs = 1.0 if is_reference(current) else next(alternatives, None)
    return ours / theirs if ours and theirs else None


def warning_about(current: Candidate, answer: Recommendation) -> str | None:
    """Return what is known against what the caller uses now; None if nothing is."""
    found = next((each for each in answer.rejected if each.candidate == current), None)
    return None if found is None else f"What you use now, {current}, does not qualify: {found.reason}"


def _speedup(current: Candidate, answer: Recommendation) -> Ratio | None:
    if is_reference(current):
        return _SAME
    return next((each.speedup for each in answer.alternatives if each.candidate == current), None)
