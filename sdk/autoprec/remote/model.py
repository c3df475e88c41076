"""Describing the model of a question to a service."""

from autoprec.prediction import CORE
from autoprec_runner.costing.session import model_description
from autoprec_runner.description import ModelDescription
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.search.question import Question

_SECONDS = 10.0
"""How long it may take, once for each model; a second is usual."""


def description_of(question: Question) -> ModelDescription:
    """Return the figures of the model that a question is about.

    Raises:
        RunnerError: The workload cannot be loaded, or not in time.
    """
    return model_description(
        shared_forkserver(),
        question.source,
        CORE,
        device=question.device,
        mode=question.mode,
        seed=question.seed,
        budget_seconds=_SECONDS,
    )
