"""Who cannot be beaten in time and memory at once."""

from collections.abc import Sequence

from autoprec_service.policy.evidence import Evidence
from autoprec_service.policy.scores import Score, peak_bytes, step_seconds, within_noise


def pareto_front(evidences: Sequence[Evidence]) -> list[Evidence]:
    """Return those that nobody dominates, the fastest first; one without both figures is not among them.

    One dominates another if it is better in one figure by more than the noise, and in the other not worse by more.
    """
    measured = [each for each in evidences if step_seconds(each) and peak_bytes(each)]
    front = [each for each in measured if not any(_dominates(other, each) for other in measured)]
    return sorted(front, key=lambda each: (_figures(each)[0].value, each.name))


def _dominates(one: Evidence, other: Evidence) -> bool:
    pairs = list(zip(_figures(one), _figures(other), strict=True))
    is_worse = any(_is_better(theirs, ours) for ours, theirs in pairs)
    return not is_worse and any(_is_better(ours, theirs) for ours, theirs in pairs)


def _is_better(ours: Score, theirs: Score) -> bool:
    return ours.value < theirs.value and not within_noise(ours, theirs)


def _figures(evidence: Evidence) -> tuple[Score, Score]:
    time, memory = step_seconds(evidence), peak_bytes(evidence)
    assert time is not None, "only measured candidates are compared"
    assert memory is not None, "only measured candidates are compared"
    return time, memory
