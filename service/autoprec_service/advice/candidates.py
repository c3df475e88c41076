"""What can be predicted, or judged by near models, on some hardware."""

from collections.abc import Sequence

from autoprec_probe.candidate import Candidate
from autoprec_probe.support import Support, matmul_options
from autoprec_runner.description import ModelDescription
from autoprec_runner.doctor.examine import examine
from autoprec_runner.prediction.predict import predict, predicted_peak
from autoprec_runner.prediction.prediction import Estimate, Prediction
from autoprec_service.advice.machines import KnownMachine

_FOLLOWED = ("bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true")
"""The precisions whose steps a description may tell of, beside the reference."""
REFERENCE = Candidate(precision="32-true")


def predictable(machine: KnownMachine) -> tuple[Candidate, ...]:
    """Return the candidates that can be predicted on a machine, the reference first."""
    if machine.profile is None:
        return ()
    lower = matmul_options(machine.profile, machine.device)[1:]
    options = [Candidate(precision="32-true", matmul_precision=each) for each in lower]
    return (REFERENCE, *options, *(Candidate(precision=each) for each in _FOLLOWED))


def predictions_of(
    description: ModelDescription | None, machine: KnownMachine, candidates: Sequence[Candidate]
) -> tuple[Prediction, ...]:
    """Return what is predicted of candidates; nothing where the step or the rates are not known."""
    cost = description.cost if description else None
    if cost is None or machine.rates is None:
        return ()
    return predict(cost, machine.rates, candidates)


def peak_of(description: ModelDescription | None, machine: KnownMachine, candidate: Candidate) -> Estimate | None:
    """Return the predicted peak memory of a candidate; None where the step or the rates are not known."""
    cost = description.cost if description else None
    return None if cost is None or machine.rates is None else predicted_peak(cost, machine.rates, candidate)


def warnings_of(
    description: ModelDescription | None, machine: KnownMachine, candidates: Sequence[Candidate]
) -> dict[str, str]:
    """Return the doctor's errors about this model, by the names of the candidates that they are about."""
    if description is None or description.traits is None or machine.profile is None:
        return {}
    findings = examine(
        description.traits,
        profile=machine.profile,
        device=machine.device,
        strategy="single",
        candidates=candidates,
        asked_for=True,
    )
    errors = [each for each in findings if each.severity == "error"]
    return {name: each.sentence for each in reversed(errors) for name in each.candidates}


def verdicts_of(machine: KnownMachine, candidates: Sequence[Candidate]) -> tuple[Support, ...]:
    """Return the probe's verdicts on candidates with built-in precisions on known hardware."""
    found = [machine.verdict(each) for each in candidates]
    return tuple(each for each in found if each is not None)
