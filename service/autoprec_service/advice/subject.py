"""The model that a question is about."""

from dataclasses import dataclass

from autoprec_runner.description import ModelDescription
from autoprec_runner.trial import Mode
from autoprec_service.advice.question import Question
from autoprec_service.store import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A model by its fingerprint, with its figures where somebody told them."""

    fingerprint: str
    description: ModelDescription | None
    mode: Mode

    @property
    def name(self) -> str:
        """What sentences and commands call it."""
        return self.description.name if self.description else self.fingerprint


def subject_of(store: Store, question: Question) -> Subject:
    """Return the model of a question; its figures are those that came with it, else those that are stored."""
    description = question.description or store.description(question.fingerprint)
    if description is not None and question.mode not in {None, description.mode}:
        description = None
    mode = question.mode or (description.mode if description else None)
    return Subject(
        fingerprint=question.fingerprint, description=description, mode=mode or _latest_mode(store, question)
    )


def _latest_mode(store: Store, question: Question) -> Mode:
    found = store.outcomes(model_fingerprint=question.fingerprint, limit=1)
    return found[0].mode if found else "train"
