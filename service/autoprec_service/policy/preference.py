"""In which order candidates deserve to be verified."""

from collections.abc import Sequence

from autoprec_probe.candidate import Candidate
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Objective, Trial
from autoprec_service.policy.field import Field
from autoprec_service.policy.ranking import can_be_ranked, choose


def preference(trials: Sequence[Trial], objective: Objective, constraints: Constraints) -> list[Candidate]:
    """Return the candidates that are not out, in the order in which the policy would recommend them if all were stable.

    Verification is expensive and follows this order, so that it is paid for the candidates that matter.
    """
    field = Field.of(trials, objective, constraints)
    rest = [each for each in (*field.qualified, *field.unverified) if can_be_ranked(each, objective)]
    order = []
    while rest:
        pick = choose(rest, objective).pick
        order.append(pick.candidate)
        rest.remove(pick)
    return order
