"""The one who is asked: measured evidence first, then near models, then predictions, else what to run."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from autoprec_runner.trial import Mode
from autoprec_service.advice.answer import Staleness
from autoprec_service.advice.calibration import Calibration
from autoprec_service.advice.experience import Experience
from autoprec_service.advice.measured import DEFAULT_TOLERANCE, MeasuredAnswers
from autoprec_service.advice.predicted import predicted
from autoprec_service.advice.question import Question
from autoprec_service.advice.subject import Subject, subject_of
from autoprec_service.advice.target import Target
from autoprec_service.advice.transfers import Transferred, transferred
from autoprec_service.outcome import Outcome
from autoprec_service.policy.predicted import Setting
from autoprec_service.recommendation import Recommendation
from autoprec_service.store import Store


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is known about a model on one kind of hardware."""

    target: Target
    mode: Mode
    recommendation: Recommendation
    stale: Staleness | None = None
    transfer: Transferred | None = None
    """What near models said, where they were asked; the answer need not rest on them."""
    outcomes: tuple[Outcome, ...] = ()
    """What was measured of this model on this hardware, where the answer rests on that."""
    subject: Subject | None = None
    """The model, where more than its fingerprint was asked for."""


class Adviser:
    """Finds answers in stores. May be used by several threads; two of them over one store answer alike."""

    def __init__(self) -> None:
        self._measured = MeasuredAnswers()
        self._experiences: dict[str, Experience] = {}
        self._lock = Lock()

    def find(self, store: Store, question: Question, target: Target, now: datetime) -> Found:
        """Return what is known about one kind of hardware, whatever it rests on.

        Raises:
            StoreError: The store cannot be read.
        """
        measured = self._measured.find(store, question, target)
        if measured is not None:
            return Found(
                target=target,
                mode=measured.study.mode,
                recommendation=measured.recommendation,
                stale=measured.stale,
                outcomes=measured.outcomes,
            )
        subject = subject_of(store, question)
        transfer, answer = self._unmeasured(store, question, subject, target, now)
        return Found(target=target, mode=subject.mode, recommendation=answer, transfer=transfer, subject=subject)

    def calibration(self, store: Store, now: datetime) -> Calibration:
        """Return how answers from near models have done; it may take seconds."""
        return self._experience(store).calibrate(store, now)

    def _unmeasured(
        self, store: Store, question: Question, subject: Subject, target: Target, now: datetime
    ) -> tuple[Transferred | None, Recommendation]:
        """Return what near models say, and the answer: theirs, else a prediction, else none with all their reasons."""
        setting = _setting(question, subject, target)
        transfer = self._transferred(store, subject, target, setting, now=now)
        said = transfer.recommendation if transfer else None
        if said is not None and said.precision is not None:
            return transfer, said
        prediction = predicted(subject, target, setting)
        if prediction is not None and prediction.precision is not None and not _contradicts(prediction, said):
            return transfer, prediction
        return transfer, _nothing(setting, subject, said, prediction)

    def _transferred(
        self, store: Store, subject: Subject, target: Target, setting: Setting, *, now: datetime
    ) -> Transferred | None:
        """Return what near models say; None where they were judged less strictly than is asked for."""
        tolerance = setting.constraints.tolerance
        if tolerance is not None and tolerance < DEFAULT_TOLERANCE[subject.mode]:
            return None
        experience = self._experience(store)
        experience.refresh(store, now)
        return transferred(
            store, experience.knowledge, subject, target, setting, calibration=experience.latest_calibration
        )

    def _experience(self, store: Store) -> Experience:
        with self._lock:
            return self._experiences.setdefault(store.tenant, Experience())


def _setting(question: Question, subject: Subject, target: Target) -> Setting:
    return Setting(
        objective=question.objective,
        constraints=question.constraints,
        mode=subject.mode,
        hardware_key=target.key,
        model_fingerprint=subject.fingerprint,
        memory_bytes=target.memory_bytes,
    )


def _contradicts(prediction: Recommendation, said: Recommendation | None) -> bool:
    """Tell whether near models know something against what is predicted, which knows nothing of numbers."""
    rejected = said.rejected if said else ()
    return any(each.candidate == prediction.candidate for each in rejected)


def _nothing(
    setting: Setting, subject: Subject, said: Recommendation | None, prediction: Recommendation | None
) -> Recommendation:
    """Return an answer without a precision that keeps every reason and everything that was rejected."""
    told = [each for each in (said, prediction) if each is not None]
    return Recommendation(
        precision=None,
        candidate=None,
        basis=None,
        confidence=0.0,
        objective=setting.objective,
        mode=setting.mode,
        hardware_key=setting.hardware_key,
        model_fingerprint=setting.model_fingerprint,
        study_id=None,
        reasons=tuple(_why_nothing(setting, subject, said, prediction)),
        alternatives=next((each.alternatives for each in told if each.alternatives), ()),
        rejected=next((each.rejected for each in told if each.rejected), ()),
    )


def _why_nothing(
    setting: Setting, subject: Subject, said: Recommendation | None, prediction: Recommendation | None
) -> Iterator[str]:
    yield f"This model was not measured on {setting.hardware_key}."
    if subject.description is None:
        yield "Nothing else is known of it: send a description, autoprec.describe(model, batch), to compare it."
    if said is not None:
        yield from said.reasons
    else:
        yield "Near models were judged under a looser tolerance, so that they do not count."
    if prediction is None:
        yield "It cannot be predicted either: that needs the cost of its step and the rates of the hardware."
    elif prediction.precision is None:
        yield from prediction.reasons
    else:
        yield f"Prediction alone would say {prediction.candidate}, which near models speak against."
