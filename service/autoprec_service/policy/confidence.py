"""How sure a recommendation is."""

import math
from collections.abc import Sequence

from autoprec_runner.trial import Objective, Phase
from autoprec_service.policy.evidence import Evidence
from autoprec_service.policy.scores import CRITERIA, NOISE, Score
from autoprec_service.policy.surroundings import is_disturbed

_PHASE_WEIGHT: dict[Phase, float] = {"screen": 0.0, "sprint": 0.5, "race": 0.8, "verify": 1.0}
_DISTURBED = 0.8
_HALF_SURE_STEPS = 5
"""So many steps give half of the trust that endless ones would."""


def confidence(pick: Evidence, others: Sequence[Evidence], objective: Objective) -> float:
    """Return a number from 0 to 1: the product of four factors. It orders answers; it is no probability.

    - *phase*: 0.5 after a sprint, 0.8 after a race, 1 after verification. The reference needs no verification, so that
      a race counts as 1 for it.
    - *steps*: n / (n + 5), for the n steps that were compared with the reference, or timed if it is the reference.
    - *separation*: 0.5 + 0.5 d / (d + noise), where d is the logarithm of the ratio of the deciding figure to that of
      the nearest other candidate that qualifies, and noise is half of both intervals' widths in logarithms, at least
      that of 2 %. It is 1 without any other candidate, and never below 0.5, because between two candidates that cannot
      be told apart either one is a good answer.
    - *calm*: 0.8 if other programs kept cores or the device busy, or clocks were held down, else 1.
    """
    calm = _DISTURBED if is_disturbed(pick) else 1.0
    return round(_phase(pick) * _steps(pick) * _separation(pick, others, objective) * calm, 3)


def _phase(pick: Evidence) -> float:
    if pick.is_reference and pick.trial.phase == "race":
        return _PHASE_WEIGHT["verify"]
    return _PHASE_WEIGHT[pick.trial.phase]


def _steps(pick: Evidence) -> float:
    timed = pick.step_time.steps if pick.step_time else 0
    compared = pick.stability.steps if pick.stability else 0
    steps = timed if pick.is_reference else compared
    return steps / (steps + _HALF_SURE_STEPS)


def _separation(pick: Evidence, others: Sequence[Evidence], objective: Objective) -> float:
    criterion = CRITERIA[objective][0]
    own = criterion.score(pick)
    found = [score for score in map(criterion.score, others) if score is not None]
    if own is None or not found:
        return 1.0
    return 0.5 + 0.5 * min(_distance(own, other) for other in found)


def _distance(one: Score, other: Score) -> float:
    apart = abs(math.log(one.value / other.value))
    noise = max(math.log(NOISE), (math.log(one.high / one.low) + math.log(other.high / other.low)) / 2)
    return apart / (apart + noise)
