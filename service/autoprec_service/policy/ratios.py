"""A candidate beside the reference, in figures."""

from autoprec_service.policy.evidence import Evidence
from autoprec_service.recommendation import Ratio


def speedup(evidence: Evidence, reference: Evidence | None) -> Ratio | None:
    """Return the step time of the reference over the candidate's; None where either was not measured.

    The interval goes from the lowest to the highest ratio that the two 95 % intervals allow. That is wider than a
    95 % interval of the ratio, and so never claims a gain that is not there.
    """
    if reference is None or reference.step_time is None or evidence.step_time is None:
        return None
    if evidence.is_reference:
        return Ratio(value=1.0, low=1.0, high=1.0)
    ours, theirs = evidence.step_time, reference.step_time
    return Ratio(
        value=theirs.median_seconds / ours.median_seconds,
        low=theirs.low_seconds / ours.high_seconds,
        high=theirs.high_seconds / ours.low_seconds,
    )


def memory_ratio(evidence: Evidence, reference: Evidence | None) -> float | None:
    """Return the candidate's peak memory over that of the reference; None where either was not measured."""
    if reference is None or not reference.peak_memory_bytes or evidence.peak_memory_bytes is None:
        return None
    return evidence.peak_memory_bytes / reference.peak_memory_bytes


def is_noise(ratio: Ratio) -> bool:
    """Return whether a ratio cannot be told from 1."""
    return ratio.low <= 1 <= ratio.high
