"""What is known elsewhere of a question, before anything is measured here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autoprec_probe.candidate import Candidate
from autoprec_runner.search.question import DECISIVE_PACKAGES, MEASUREMENT_VERSION, Question
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_runner.trials.session import Prepared


@dataclass(frozen=True, kw_only=True)
class Known:
    """What somebody else has found: an answer, or where it may be."""

    study: Study | None = None
    """A complete study that answers the question; None where it is to be answered here."""
    trials: tuple[Trial, ...] = ()
    """The trials of that study."""
    promising: tuple[str, ...] = ()
    """Precisions to begin with, the most promising first. They replace no trial."""

    def in_order(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return candidates with the promising ones first and the others in the order that they have."""
        ranks = {precision: rank for rank, precision in enumerate(self.promising)}
        return tuple(sorted(candidates, key=lambda each: ranks.get(each.precision, len(ranks))))


Elsewhere = Callable[[Question, Prepared, Sequence[Candidate]], Known]
"""Asks somebody else; called once, when the workload is known."""


def answers(
    study: Study,
    trials: Sequence[Trial],
    question: Question,
    prepared: Prepared,
    candidates: Sequence[Candidate],
) -> bool:
    """Return whether a study of somebody else is what this question would have led to here, given as much time.

    It asked the same of the same workload on the same hardware, tried the same candidates, is complete, and was
    measured in the same way, with as many threads and under the same torch and packages.
    """
    return (
        study.status == "complete"
        and study.budget_seconds >= question.budget_seconds
        and _same_question(study, question, prepared, candidates)
        and _same_options(trials, question)
        and any(each.phase != "screen" for each in trials)
        and all(_same_circumstances(each, question, prepared) for each in trials)
    )


def _same_question(study: Study, question: Question, prepared: Prepared, candidates: Sequence[Candidate]) -> bool:
    asked = (study.workload_key, study.mode, study.hardware_key, study.objective, study.constraints, study.strategy)
    return set(candidates) == set(study.candidates) and asked == (
        prepared.workload_key,
        prepared.mode,
        question.profile.key_for(question.device),
        question.objective,
        question.constraints,
        question.strategy,
    )


def _same_options(trials: Sequence[Trial], question: Question) -> bool:
    """Return whether the options that a study does not name have left their traces in its trials, or none."""
    named = any(each.compile for each in question.candidates or ())
    compiled = any(each.candidate.compile for each in trials)
    enlarged = any(each.largest_batch is not None for each in trials)
    return (named or compiled == question.compile) and enlarged == (question.batch_size == "max")


def _same_circumstances(trial: Trial, question: Question, prepared: Prepared) -> bool:
    packages = question.profile.software.packages
    return (
        trial.conditions.get("measurement_version") == MEASUREMENT_VERSION
        and trial.conditions.get("torch_threads") == prepared.threads
        and trial.software.get("torch") == packages.get("torch")
        and all(trial.software.get(name) == packages.get(name) for name in DECISIVE_PACKAGES)
    )
