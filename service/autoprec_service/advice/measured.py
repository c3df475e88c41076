"""Answers from a study of this very model on this very hardware."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from autoprec_probe.candidate import Candidate
from autoprec_runner.study import Study
from autoprec_runner.trial import Mode
from autoprec_service.advice.answer import Staleness
from autoprec_service.advice.question import Question
from autoprec_service.advice.remembered import Remembered
from autoprec_service.advice.staleness import differences, versions_of
from autoprec_service.advice.target import Target
from autoprec_service.advice.witness import is_stable
from autoprec_service.formatting import listed
from autoprec_service.outcome import Outcome
from autoprec_service.policy import recommend
from autoprec_service.recommendation import Recommendation, Rejected
from autoprec_service.store import Store

_LOOKED_AT = 32
"""Studies that are looked at for one that is not stale."""
_KEPT = 1024
"""Answers that are kept. Making one takes half a millisecond; sweeping many thousands would hold everybody up."""
_STALE: Final = 0.6
"""What is left of the confidence of an answer from other software."""
DEFAULT_TOLERANCE: dict[Mode, float] = {"train": 0.05, "inference": 0.02}
"""What studies that name no tolerance are made with."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a study says, with everything that was measured of the model there."""

    study: Study
    recommendation: Recommendation
    outcomes: tuple[Outcome, ...]
    """Those of the study."""
    stale: Staleness | None


class MeasuredAnswers:
    """Answers from studies. The policy is asked again only where something about the study has changed."""

    def __init__(self) -> None:
        self._answers: Remembered[Recommendation] = Remembered(_KEPT)

    def find(self, store: Store, question: Question, target: Target) -> Measured | None:
        """Return what the newest study that is not stale says, else the newest; None where there is none."""
        with store.reading() as seen:
            return self._found(seen, question, target)

    def _found(self, store: Store, question: Question, target: Target) -> Measured | None:
        study = _study(store, question, target)
        if study is None:
            return None
        outcomes = store.outcomes(
            model_fingerprint=study.model_fingerprint, hardware_key=study.hardware_key, mode=study.mode
        )
        key = study.id, store.tenant, question.objective, question.constraints, tuple(map(_content, outcomes))
        answer = self._answers.get(key, lambda: _recommended(store, question, study, outcomes))
        changed = differences(versions_of(study.hardware), target.versions or {})
        return Measured(
            study=study,
            recommendation=_aged(answer) if changed else answer,
            outcomes=tuple(each for each in outcomes if each.study_id == study.id),
            stale=_staleness(changed) if changed else None,
        )


def _study(store: Store, question: Question, target: Target) -> Study | None:
    """Return the study to answer from. One look-up where the newest is good, as it nearly always is."""
    newest = None
    for limit in (1, _LOOKED_AT):
        found = store.studies(
            model_fingerprint=question.fingerprint,
            hardware_key=target.key,
            workload_key=question.workload_key,
            status="complete",
            newest_first=True,
            limit=limit,
        )
        answering = [each for each in found if _answers(each, question)]
        newest = answering[0] if answering else None
        fresh = (each for each in answering if not differences(versions_of(each.hardware), target.versions or {}))
        if (best := next(fresh, None)) is not None:
            return best
        if len(found) < limit:
            break
    return newest


def _answers(study: Study, question: Question) -> bool:
    """Tell whether a study is about the mode that is asked for, and was judged at least as strictly."""
    if question.mode not in {None, study.mode}:
        return False
    if question.description is not None and question.description.mode != study.mode:
        return False
    return question.tolerance is None or tolerance_of(study) <= question.tolerance


def tolerance_of(study: Study) -> float:
    """Return the tolerance that the trials of a study were judged under."""
    given = study.constraints.tolerance
    return DEFAULT_TOLERANCE[study.mode] if given is None else given


def _content(outcome: Outcome) -> Hashable:
    """Return what changes as trials are added."""
    ratios = outcome.speedup, outcome.memory_ratio
    figures = outcome.step_seconds, outcome.peak_memory_bytes, outcome.measured_at
    return outcome.study_id, outcome.trial_id, outcome.status, outcome.stable, ratios, figures


def _recommended(store: Store, question: Question, study: Study, outcomes: Sequence[Outcome]) -> Recommendation:
    trials = store.trials(study_id=study.id)
    failed = dict(_failed_elsewhere(study, outcomes))
    answer = recommend(
        [each for each in trials if each.candidate not in failed],
        objective=question.objective,
        constraints=question.constraints.model_copy(update={"tolerance": study.constraints.tolerance}),
    )
    return answer.model_copy(update={"rejected": (*answer.rejected, *failed.values()), "study_id": study.id})


def _failed_elsewhere(study: Study, outcomes: Sequence[Outcome]) -> Iterator[tuple[Candidate, Rejected]]:
    """Yield what was unstable in another study of the same workload under the same software: it is not forgotten."""
    asked = next((each.software for each in outcomes if each.study_id == study.id), {})
    for each in outcomes:
        same = each.workload_key == study.workload_key and not differences(each.software, asked)
        if each.study_id != study.id and same and is_stable(each) is False:
            yield (
                each.candidate,
                Rejected(
                    candidate=each.candidate,
                    status="unstable",
                    reason=f"Its numbers went wrong in another study of this workload, {each.study_id}.",
                    remedy="Ask for a study with another seed or a larger tolerance.",
                    trial_id=each.trial_id,
                ),
            )


def _aged(answer: Recommendation) -> Recommendation:
    return answer.model_copy(update={"confidence": round(_STALE * answer.confidence, 3)})


def _staleness(changed: Sequence[str]) -> Staleness:
    sentence = f"It was measured under {listed(list(changed))}, so that it counts less; measure it again to be sure."
    return Staleness(differences=tuple(changed), sentence=sentence)
