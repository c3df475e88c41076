"""From the cost of a step and the rates of a device to predictions: pure functions (free of torch)."""

from collections.abc import Iterable

from autoprec_probe.candidate import Candidate
from autoprec_runner.prediction.cost import StepCost, WorkloadCost
from autoprec_runner.prediction.factors import MEMORY_SPREAD, SPEEDUP_SPREAD, STEP_SPREAD, factors_of
from autoprec_runner.prediction.prediction import Estimate, MemoryParts, Prediction, TimeParts
from autoprec_runner.prediction.rates import Rates
from autoprec_runner.prediction.step_time import UnknownRateError, time_parts, total

_REFERENCE = Candidate(precision="32-true")


def predict(cost: WorkloadCost, rates: Rates, candidates: Iterable[Candidate]) -> tuple[Prediction, ...]:
    """Return what each candidate is expected to take; what cannot be predicted says why."""
    reference = cost.step(_REFERENCE.precision)
    beside = None if reference is None else _seconds(reference, rates, _REFERENCE)
    return tuple(_predicted(cost, rates, each, beside) for each in candidates)


def predicted_peak(cost: WorkloadCost, rates: Rates, candidate: Candidate) -> Estimate | None:
    """Return the peak memory that a candidate is expected to take, in bytes; None where its step was not followed."""
    step = _followed(cost, candidate)
    return None if step is None else _peak(_memory(cost, step, rates), rates)


def _followed(cost: WorkloadCost, candidate: Candidate) -> StepCost | None:
    """Return the step of a candidate, if it is one that can be predicted."""
    if candidate.strategy != "single" or candidate.emulate or candidate.keep_fp32:
        return None
    return cost.step(candidate.precision)


def _predicted(cost: WorkloadCost, rates: Rates, candidate: Candidate, reference: float | None) -> Prediction:
    blank = Prediction(candidate=candidate, basis=rates.basis)
    step = _followed(cost, candidate)
    if step is None:
        return blank.model_copy(update={"missing": _unpredictable(cost, candidate)})
    memory = _memory(cost, step, rates)
    weighed = blank.model_copy(update={"memory_parts": memory, "peak_memory_bytes": _peak(memory, rates)})
    try:
        parts = time_parts(step, rates, candidate)
    except UnknownRateError as error:
        return weighed.model_copy(update={"missing": f"{error}: its time cannot be predicted."})
    return weighed.model_copy(update=_times(parts, rates, candidate, reference))


def _times(parts: TimeParts, rates: Rates, candidate: Candidate, reference: float | None) -> dict[str, object]:
    seconds = total(parts)
    spread = 1.0 if candidate == _REFERENCE else SPEEDUP_SPREAD[rates.basis]
    return {
        "time_parts": parts,
        "step_seconds": _estimate(seconds, STEP_SPREAD[rates.basis]),
        "speedup": None if reference is None else _estimate(reference / seconds, spread),
    }


def _unpredictable(cost: WorkloadCost, candidate: Candidate) -> str:
    if candidate.strategy != "single":
        return f"Steps under the strategy {candidate.strategy} are not predicted; only a trial tells."
    if candidate.emulate:
        return "Emulated numerics say nothing of time and memory."
    if candidate.keep_fp32:
        return "Steps with modules kept in float32 are not predicted; only a trial tells."
    return cost.unpredictable.get(candidate.precision, "Its step was not followed; only a trial tells.")


def _seconds(step: StepCost, rates: Rates, candidate: Candidate) -> float | None:
    try:
        return total(time_parts(step, rates, candidate))
    except UnknownRateError:
        return None


def _memory(cost: WorkloadCost, step: StepCost, rates: Rates) -> MemoryParts:
    """Return what is alive at the peak; gradients and activations as far as they are alive together there."""
    memory = step.memory
    held = memory.weights_bytes + memory.optimizer_bytes + cost.one_batch_bytes
    beyond = max(0, memory.peak_bytes - held)
    activations = min(beyond, memory.activations_bytes) if memory.peak_moment != "update" else 0
    gradients = min(beyond - activations, memory.gradients_bytes)
    factors = factors_of(rates.device)
    surroundings = factors.surroundings_bytes + (cost.host_bytes if rates.device == "cpu" else 0)
    return MemoryParts(
        weights=memory.weights_bytes,
        gradients=gradients,
        optimizer=memory.optimizer_bytes,
        activations=activations,
        temporary=beyond - activations - gradients + round(factors.waste * beyond),
        batches=cost.batches_bytes,
        surroundings=surroundings,
    )


def _peak(parts: MemoryParts, rates: Rates) -> Estimate:
    return _estimate(float(sum(dict(parts).values())), MEMORY_SPREAD[rates.basis])


def _estimate(value: float, spread: float) -> Estimate:
    return Estimate(value=value, low=value / spread, high=value * spread)
