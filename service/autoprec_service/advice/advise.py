"""From a question to an answer in the caller's terms."""

import uuid
from datetime import datetime

from autoprec_service.advice.adviser import Adviser, Found
from autoprec_service.advice.answer import Advice, Neighbour
from autoprec_service.advice.comparing import gain_over, memory_over, warning_about
from autoprec_service.advice.fleet import over_fleet
from autoprec_service.advice.question import Question
from autoprec_service.advice.running import command, sentence
from autoprec_service.advice.target import target_of
from autoprec_service.advice.transfers import Transferred
from autoprec_service.frameworks import framework_arguments
from autoprec_service.store import Store

_ADVISER = Adviser()


def advise(store: Store, question: Question, now: datetime, *, adviser: Adviser | None = None) -> Advice:
    """Return the answer to a question.

    Args:
        store: That of the tenant who asks.
        question: What is asked.
        now: When it was asked; it tells what is old among what is kept between questions, and nothing else.
        adviser: Who keeps that; None for the one of this process.

    Raises:
        UnknownHardwareError: The question names a node that has not told what it is.
        StoreError: The store cannot be read.
    """
    asked = adviser or _ADVISER
    if question.is_about_everything:
        found, fleet = over_fleet(asked, store, question, now)
        return _told(question, found).model_copy(update={"fleet": fleet})
    return _told(question, asked.find(store, question, target_of(store, question), now))


def _told(question: Question, found: Found) -> Advice:
    answer, target, current = found.recommendation, found.target, question.current
    is_transferred = answer.basis == "transferred" and found.transfer is not None
    is_measured = answer.basis == "measured" and found.stale is None
    return Advice(
        **dict(answer.model_copy(update={"reasons": (*answer.reasons, *_remarks(question, found))})),
        id=uuid.uuid4().hex,
        device=target.device,
        current=current,
        gain_over_current=gain_over(current, answer) if current and answer.candidate else None,
        memory_over_current=memory_over(current, answer) if current and answer.candidate else None,
        stale=found.stale,
        score=found.transfer.score if found.transfer and is_transferred else None,
        neighbours=_neighbours(found.transfer) if found.transfer and is_transferred else (),
        frameworks=dict(framework_arguments(answer.candidate, target.device, found.mode)) if answer.candidate else {},
        run=None if is_measured else command(question, target, found.mode),
    )


def _remarks(question: Question, found: Found) -> list[str]:
    """Return what is to be said beside the reasons of the answer."""
    against = warning_about(question.current, found.recommendation) if question.current else None
    missing = sentence(found.target) if found.recommendation.precision is None else None
    return [each for each in (found.stale.sentence if found.stale else None, against, missing) if each]


def _neighbours(transfer: Transferred) -> tuple[Neighbour, ...]:
    return tuple(
        Neighbour(model_fingerprint=each.fingerprint, name=each.name, distance=round(each.distance, 4))
        for each in transfer.near
    )
