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
        return Found(target=target, mode=subject.mode, recommendation=answer, transfer=transfer)

    def warm(self, store: Store, now: datetime) -> None:
        """Begin to read, in the background, what near models are found by: the first question need not wait for it."""
        self._experience(store).refresh_beside(store, now)

    def calibration(self, store: Store, now: datetime) -> Calibration:
        """Return how answers from near models have done; it may take seconds."""
        return self._experience(store).calibrate(store, now)

    def close(self) -> None:
        """End what goes on in the background; call it before stores are closed."""
        for each in self._experiences.values():
            each.close()

    def _unmeasured(
        self, store: Store, question: Question, subject: Subject, target: Target, now: datetime
    ) -> tuple[Transferred, Recommendation]:
        """Return what near models say, and the answer: theirs, else a prediction, else none with all their reasons."""
        setting, experience = _setting(question, subject, target), self._experience(store)
        experience.refresh(store, now)
        transfer = transferred(
            store, experience.knowledge, subject, target, setting, calibration=experience.latest_calibration
        )
        said, counts = transfer.recommendation, _is_strict_enough(setting)
        if said.precision is not None and counts:
            return transfer, said
        prediction = predicted(subject, target, setting)
        if prediction is not None and prediction.precision is not None and not _contradicts(prediction, said):
            return transfer, prediction
        return transfer, _nothing(subject, said, prediction, counts=counts)

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


def _is_strict_enough(setting: Setting) -> bool:
    """Tell whether near models, which were judged under the usual tolerance, were judged as strictly as is asked."""
    tolerance = setting.constraints.tolerance
    return tolerance is None or tolerance >= DEFAULT_TOLERANCE[setting.mode]


def _contradicts(prediction: Recommendation, said: Recommendation) -> bool:
    """Tell whether near models know something against what is predicted, which knows nothing of numbers."""
    return any(each.candidate == prediction.candidate for each in said.rejected)


def _nothing(
    subject: Subject, said: Recommendation, prediction: Recommendation | None, *, counts: bool
) -> Recommendation:
    """Return what near models said without their precision, if any, and with every reason why there is no other."""
    return said.model_copy(
        update={
            "precision": None,
            "candidate": None,
            "basis": None,
            "confidence": 0.0,
            "speedup": None,
            "memory_ratio": None,
            "evidence": (),
            "reasons": tuple(_why_nothing(subject, said, prediction, counts=counts)),
        }
    )


def _why_nothing(
    subject: Subject, said: Recommendation, prediction: Recommendation | None, *, counts: bool
) -> Iterator[str]:
    yield f"This model was not measured on {said.hardware_key}."
    if subject.description is None:
        yield "Nothing else is known of it: send a description, autoprec.describe(model, batch), to compare it."
    if counts:
        yield from said.reasons
    else:
        yield "Near models were judged under a looser tolerance, so that they do not count."
    if prediction is None:
        yield "It cannot be predicted either: that needs the cost of its step and the rates of the hardware."
    elif prediction.precision is None:
        yield from prediction.reasons
    else:
        yield f"Prediction alone would say {prediction.candidate}, which near models speak against."
