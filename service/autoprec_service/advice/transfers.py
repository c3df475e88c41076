"""Answers from near models: who is asked, and how far their word counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from autoprec_service.advice.calibration import PRIOR, Calibration
from autoprec_service.advice.candidates import peak_of, warnings_of
from autoprec_service.advice.expectation import Expectation, Voice, expectations
from autoprec_service.advice.features import features
from autoprec_service.advice.knowledge import Knowledge, Near
from autoprec_service.advice.need import Need, need_of
from autoprec_service.advice.subject import Subject
from autoprec_service.advice.target import Target
from autoprec_service.advice.transferred import Prospect, recommend_transferred
from autoprec_service.policy.predicted import Setting
from autoprec_service.recommendation import Recommendation
from autoprec_service.store import Store


@dataclass(frozen=True, kw_only=True)
class Transferred:
    """What near models suggest, who they are, and the score that the confidence was made of."""

    recommendation: Recommendation
    near: tuple[Near, ...]
    score: float


def transferred(
    store: Store,
    knowledge: Knowledge,
    subject: Subject,
    target: Target,
    setting: Setting,
    *,
    calibration: Calibration = PRIOR,
    knows_itself: bool = True,
) -> Transferred:
    """Return what is suggested by near models, and by this one on other hardware if `knows_itself`."""
    near = _near(knowledge, subject, knows_itself=knows_itself)
    voices = [voice for each in near for voice in _voices(store, knowledge, each, subject, target)]
    found = recommend_transferred(
        _prospects(expectations(voices), subject, target),
        setting,
        names={each.fingerprint: each.name for each in near},
    )
    confidence = round(calibration.confidence(found.confidence), 3) if found.candidate else 0.0
    used = {each.witness.model_fingerprint for each in voices}
    return Transferred(
        recommendation=found.model_copy(update={"confidence": confidence}),
        near=tuple(each for each in near if each.fingerprint in used),
        score=found.confidence,
    )


def _near(knowledge: Knowledge, subject: Subject, *, knows_itself: bool) -> list[Near]:
    row = features(subject.description) if subject.description else None
    itself = [Near(fingerprint=subject.fingerprint, name=subject.name, distance=0.0)] if knows_itself else []
    return [*itself, *knowledge.near(subject.fingerprint, row, subject.mode)]


def _voices(store: Store, knowledge: Knowledge, near: Near, subject: Subject, target: Target) -> list[Voice]:
    """Return what one model says of candidates that mean the same for the one that is asked about."""
    found = knowledge.voices(
        store, near, subject.mode, hardware_key=target.key, apart=target.apart, asked=target.versions
    )
    own = near.fingerprint == subject.fingerprint
    return [
        each
        for each in found
        if each.witness.candidate.strategy == "single" and (own or not each.witness.candidate.keep_fp32)
    ]


def _prospects(found: Sequence[Expectation], subject: Subject, target: Target) -> list[Prospect]:
    candidates = [each.candidate for each in found]
    warned = warnings_of(subject.description, target.machine, candidates)
    return [
        Prospect(
            expectation=each,
            support=target.machine.verdict(each.candidate),
            need=_need(each, subject, target),
            warning=warned.get(str(each.candidate)),
        )
        for each in found
    ]


def _need(expectation: Expectation, subject: Subject, target: Target) -> Need:
    own = (each.witness for each in expectation.voices if each.witness.model_fingerprint == subject.fingerprint)
    return need_of(
        expectation.candidate.precision,
        subject.description,
        subject.mode,
        predicted=peak_of(subject.description, target.machine, expectation.candidate),
        measured_bytes=[each.peak_memory_bytes for each in own if each.peak_memory_bytes is not None],
    )
