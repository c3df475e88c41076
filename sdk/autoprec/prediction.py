"""`suggest(…, hardware="…")`: an answer for a machine that is not at hand, without a trial."""

from collections.abc import Sequence

from autoprec.machine import this_machine
from autoprec.recommendation import Recommendation
from autoprec_probe import Candidate
from autoprec_probe.support import Support
from autoprec_runner.costing.session import workload_cost
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.prediction.cost import WorkloadCost
from autoprec_runner.prediction.machine import Machine, machine_for
from autoprec_runner.prediction.predict import predict
from autoprec_runner.search.screen import default_candidates, judged
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Mode, Objective
from autoprec_service.policy import recommend_predicted
from autoprec_service.policy.predicted import Setting

CORE = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true")
"""The precisions whose steps can be followed: the others need kernels of their own libraries."""

_FOLLOWED_ON_A_CPU = (
    "The step was followed as a CPU runs it. A GPU's autocast also keeps softmax and norms in float32, which costs "
    "some time and memory more."
)


def predicted(
    source: str,
    hardware: str,
    *,
    mode: Mode | None,
    objective: Objective,
    constraints: Constraints,
    candidates: Sequence[Candidate] | None,
    seed: int,
    budget_seconds: float,
) -> Recommendation:
    """Return the recommendation for a workload on the machine with a hardware key, from predictions alone.

    Raises:
        CatalogError: No machine has this key; the message names the nearest.
        PredictionError: Too little is known of how fast it is.
        WorkloadError: Model, batch, loss or factory do not make a step.
    """
    machine = machine_for(hardware, this_machine())
    tried = _candidates(candidates, machine)
    cost = workload_cost(
        shared_forkserver(),
        source,
        _followed(tried),
        device=machine.device,
        mode=mode,
        seed=seed,
        budget_seconds=budget_seconds,
    )
    return _answer(cost, machine, tried, objective=objective, constraints=constraints)


def _answer(
    cost: WorkloadCost,
    machine: Machine,
    candidates: Sequence[Candidate],
    *,
    objective: Objective,
    constraints: Constraints,
) -> Recommendation:
    predictions = predict(cost, machine.rates, candidates)
    setting = Setting(
        objective=objective,
        constraints=constraints,
        mode=cost.mode,
        hardware_key=machine.key,
        model_fingerprint=cost.model_fingerprint,
        memory_bytes=machine.rates.memory_bytes,
    )
    answer = recommend_predicted(predictions, _verdicts(candidates, machine), setting)
    return Recommendation(
        **dict(answer),
        predictions=predictions,
        assumptions=(*cost.assumptions, *(() if machine.device == "cpu" else (_FOLLOWED_ON_A_CPU,))),
        device=machine.device,
    )


def _candidates(given: Sequence[Candidate] | None, machine: Machine) -> tuple[Candidate, ...]:
    """Return what is predicted: the reference first, then what was asked for, else what makes sense there."""
    reference = Candidate(precision="32-true")
    sensible = default_candidates(machine.profile, machine.device, "single") if given is None else given
    wanted = (each for each in sensible if given is not None or each.precision in CORE)
    return tuple(dict.fromkeys((reference, *wanted)))


def _followed(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.precision for each in candidates if each.precision in CORE))


def _verdicts(candidates: Sequence[Candidate], machine: Machine) -> tuple[Support, ...]:
    return tuple(judged(each, machine.profile, machine.device) for each in candidates)
