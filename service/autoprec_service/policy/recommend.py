"""From trials to a recommendation."""

from collections.abc import Sequence

from autoprec_runner.study import Constraints
from autoprec_runner.trial import Objective, Trial
from autoprec_service.errors import PolicyError
from autoprec_service.policy.confidence import confidence
from autoprec_service.policy.evidence import Evidence
from autoprec_service.policy.field import Field
from autoprec_service.policy.notes import note_on
from autoprec_service.policy.pareto import pareto_front
from autoprec_service.policy.ratios import memory_ratio, speedup
from autoprec_service.policy.reasons import reasons_for
from autoprec_service.policy.refusal import refusal_reasons
from autoprec_service.recommendation import Alternative, Recommendation


def recommend(trials: Sequence[Trial], *, objective: Objective, constraints: Constraints) -> Recommendation:
    """Return the recommendation that trials of one workload on one machine support.

    The answer depends on the trials alone, not on their order, a clock or a store. Nothing is recommended that failed,
    was found unstable, was not verified or does not fit into `max_memory_bytes`; the reference, `32-true` with matmul
    precision "highest", needs no verification. Where nothing qualifies, `precision` is None and `reasons` say why. Who
    wins among those that qualify is told by `autoprec_service.policy.ranking.choose`.

    `constraints.tolerance` is not applied again: the verdict of each trial was made under it.

    Raises:
        PolicyError: The trials are of several workloads, machines, modes or strategies.
    """
    _check_comparable(trials)
    field = Field.of(trials, objective, constraints)
    pick = field.choice.pick if field.choice else None
    others = [each for each in field.qualified if each is not pick]
    rivals = [each for each in others if not field.is_pointless(each)]
    first = trials[0] if trials else None
    return Recommendation(
        precision=pick.candidate.precision if pick else None,
        candidate=pick.candidate if pick else None,
        basis="measured" if pick else None,
        confidence=confidence(pick, rivals, objective) if pick else 0.0,
        objective=objective,
        mode=first.mode if first else None,
        hardware_key=first.hardware_key if first else None,
        model_fingerprint=first.model_fingerprint if first else None,
        study_id=_only({trial.study_id for trial in trials}),
        speedup=speedup(pick, field.reference) if pick else None,
        memory_ratio=memory_ratio(pick, field.reference) if pick else None,
        reasons=reasons_for(field.choice, field) if field.choice else refusal_reasons(field),
        alternatives=tuple(_alternative(each, field) for each in (*others, *field.unverified)),
        rejected=field.rejected,
        pareto=tuple(each.candidate for each in pareto_front(field.qualified)),
        evidence=tuple(dict.fromkeys(source for each in field.evidences for source in each.sources)),
    )


def _alternative(evidence: Evidence, field: Field) -> Alternative:
    return Alternative(
        candidate=evidence.candidate,
        speedup=speedup(evidence, field.reference),
        memory_ratio=memory_ratio(evidence, field.reference),
        note=note_on(evidence, field),
        trial_id=evidence.trial.id,
        qualified=evidence in field.qualified,
    )


def _check_comparable(trials: Sequence[Trial]) -> None:
    """Refuse trials whose figures say nothing about each other."""
    kinds: dict[str, set[str]] = {
        "model_fingerprint": {trial.model_fingerprint for trial in trials},
        "workload_key": {trial.workload_key for trial in trials},
        "hardware_key": {trial.hardware_key for trial in trials},
        "mode": {trial.mode for trial in trials},
        "strategy": {trial.candidate.strategy for trial in trials},
    }
    for name, found in kinds.items():
        if len(found) > 1:
            raise PolicyError(
                f"The trials have different values of {name} ({', '.join(sorted(found))}), so their figures cannot be "
                "compared. Give the trials of one workload on one machine with one strategy.",
            )


def _only(ids: set[str]) -> str | None:
    return ids.pop() if len(ids) == 1 else None
