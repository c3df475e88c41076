"""Which outcomes count: the newest study of each place, and who qualifies in it."""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from autoprec_probe.precision import BUILT_IN
from autoprec_service.outcome import Outcome
from autoprec_service.policy import numeric_risk
from autoprec_service.policy.risk import is_reference
from autoprec_service.policy.scores import NOISE

Place = TypeVar("Place", bound=Hashable)


def qualifies(outcome: Outcome) -> bool:
    """Return whether a candidate may be used: verified, or the reference itself, and neither failed nor unstable."""
    if outcome.status != "ok" or outcome.stable is False or outcome.candidate.emulate:
        return False
    return outcome.stable is True or is_reference(outcome.candidate)


def newest_by(outcomes: Iterable[Outcome], place: Callable[[Outcome], Place]) -> dict[Place, list[Outcome]]:
    """Return the outcomes of the newest study of each place, such as each hardware key."""
    groups: dict[Place, list[Outcome]] = {}
    for each in outcomes:
        groups.setdefault(place(each), []).append(each)
    return {name: _of_newest_study(group) for name, group in groups.items()}


def best_of(outcomes: Sequence[Outcome]) -> Outcome | None:
    """Return the fastest of those that qualify; within the noise, the numerically safer one."""
    timed = [(each, each.speedup) for each in outcomes if qualifies(each) and each.speedup]
    if not timed:
        return next((each for each in outcomes if qualifies(each)), None)
    most = max(speedup for _, speedup in timed)
    near = [each for each, speedup in timed if speedup * NOISE >= most]
    return min(near, key=lambda each: (numeric_risk(each.candidate), str(each.candidate)))


def of_precision(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    """Return for each precision its best variant: one that qualifies before one that does not, then the faster one."""
    found: dict[str, Outcome] = {}
    for each in sorted(outcomes, key=lambda each: (qualifies(each), each.status == "ok", each.speedup or 0.0)):
        found[each.candidate.precision] = each
    return found


def rank(precision: str) -> tuple[int, str]:
    """Return where a precision stands in tables: built-in ones in their usual order, others behind them by name."""
    known = list(BUILT_IN)
    return (known.index(precision) if precision in known else len(known)), precision


def geometric_mean(values: Sequence[float]) -> float:
    """Return the mean of ratios; 0 of none."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else 0.0


def _of_newest_study(outcomes: list[Outcome]) -> list[Outcome]:
    newest = max(outcomes, key=lambda each: each.measured_at).study_id
    return [each for each in outcomes if each.study_id == newest]
