"""Choosing among candidates that qualify."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from autoprec_runner.trial import Objective
from autoprec_service.policy.evidence import Evidence
from autoprec_service.policy.risk import Risk
from autoprec_service.policy.scores import CRITERIA, Criterion, Score, within_noise

_UNKNOWN = Score(value=math.inf, low=math.inf, high=math.inf)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The chosen candidate, and those whom the measurements cannot tell from the best one."""

    pick: Evidence
    best: Evidence
    """The best by the measured figure; someone else is picked where that one is safer and as good within the noise."""
    tied: tuple[Evidence, ...]
    """Everybody else within the noise of the best."""
    beaten: Mapping[str, Criterion]
    """Who was worse by more than the noise, by name, with the criterion that told."""


def can_be_ranked(evidence: Evidence, objective: Objective) -> bool:
    """Return whether a candidate has the figure that decides first."""
    criteria = CRITERIA[objective]
    return bool(criteria) and criteria[0].score(evidence) is not None


def choose(contenders: Sequence[Evidence], objective: Objective) -> Choice:
    """Return the choice among contenders that can be ranked, at least one.

    Each criterion of the objective keeps who is within the noise of the best. Among those left, the least numeric risk
    wins, then the least memory. `64-true`, the safest of all, is no choice where `32-true` is there: precision beyond a
    reference that holds buys nothing and doubles the memory, and if it is faster, that is the machine's neighbours.
    """
    pool = [each for each in contenders if not is_pointless(each, contenders)]
    best, beaten = pool[0], dict[str, Criterion]()
    for criterion in CRITERIA[objective]:
        best = min(pool, key=partial(_order, criterion))
        close = [each for each in pool if within_noise(_score(criterion, each), _score(criterion, best))]
        beaten |= {each.name: criterion for each in pool if each not in close}
        pool = close
    pick = min(pool, key=safety)
    return Choice(pick=pick, best=best, tied=tuple(each for each in pool if each is not pick), beaten=beaten)


def is_pointless(evidence: Evidence, contenders: Sequence[Evidence]) -> bool:
    """Return whether a candidate is no choice because it is more precise than a reference that is one."""
    return evidence.is_beyond_reference and any(each.is_reference for each in contenders)


def by_preference(evidences: Sequence[Evidence], objective: Objective) -> list[Evidence]:
    """Return candidates in the order of the figure that decides, those without it last."""
    criteria = CRITERIA[objective]
    return sorted(evidences, key=partial(_order, criteria[0]) if criteria else safety)


def safety(evidence: Evidence) -> tuple[Risk, float, str]:
    """Return what decides within the noise: numeric risk, then memory, then the name, so that the order is total."""
    memory = math.inf if evidence.peak_memory_bytes is None else evidence.peak_memory_bytes
    return evidence.risk, memory, evidence.name


def _order(criterion: Criterion, evidence: Evidence) -> tuple[float, float, tuple[Risk, float, str]]:
    score = _score(criterion, evidence)
    return score.value, score.high, safety(evidence)


def _score(criterion: Criterion, evidence: Evidence) -> Score:
    return criterion.score(evidence) or _UNKNOWN
