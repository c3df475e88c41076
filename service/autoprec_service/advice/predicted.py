"""Answers from what a model's step does and how fast the hardware is, where nothing near was measured."""

from autoprec_service.advice.candidates import predictable, predictions_of, verdicts_of
from autoprec_service.advice.subject import Subject
from autoprec_service.advice.target import Target
from autoprec_service.policy import recommend_predicted
from autoprec_service.policy.predicted import Setting
from autoprec_service.recommendation import Recommendation


def predicted(subject: Subject, target: Target, setting: Setting) -> Recommendation | None:
    """Return what is predicted; None where the step of the model, or the rates of the hardware, are not known."""
    candidates = predictable(target.machine)
    predictions = predictions_of(subject.description, target.machine, candidates)
    if not predictions:
        return None
    return recommend_predicted(predictions, verdicts_of(target.machine, candidates), setting)


def predicted_seconds(subject: Subject, target: Target, precision: str) -> float | None:
    """Return the predicted time of a step in a precision; None where it is not known."""
    candidates = [each for each in predictable(target.machine) if each.precision == precision][:1]
    found = predictions_of(subject.description, target.machine, candidates)
    seconds = found[0].step_seconds if found else None
    return seconds.value if seconds else None
