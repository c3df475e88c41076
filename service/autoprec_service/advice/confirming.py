"""Asking about every model as if it had never been measured, and holding the answers against what was."""

import time
from collections.abc import Iterable, Iterator

from autoprec_probe.candidate import Candidate
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Mode
from autoprec_service.advice.calibration import Calibration, Judged, calibrated
from autoprec_service.advice.knowledge import Knowledge
from autoprec_service.advice.machines import machine_by_key
from autoprec_service.advice.subject import Subject
from autoprec_service.advice.target import Target
from autoprec_service.advice.transfers import transferred
from autoprec_service.advice.witness import is_stable
from autoprec_service.outcome import Outcome
from autoprec_service.policy.predicted import Setting
from autoprec_service.policy.risk import is_reference
from autoprec_service.store import Store

MODELS = 120
"""How many models are left out, one at a time; of more, every so many."""
_HARDWARE = 3
"""On how many kinds of hardware each is asked about."""
_CLOSE = 1.1
"""A candidate is right if it is stable and its step takes at most so many times that of the best stable one."""
_MODES: tuple[Mode, ...] = ("train", "inference")


def calibrate(store: Store, knowledge: Knowledge, models: int = MODELS, *, rests: float = 0.0) -> Calibration:
    """Return the calibration of transferred answers, from models that were described and measured."""
    judged = (each for mode in _MODES for each in leave_one_out(store, knowledge, mode, models, rests=rests))
    return calibrated(list(judged))


def leave_one_out(
    store: Store, knowledge: Knowledge, mode: Mode, models: int = MODELS, *, rests: float = 0.0
) -> Iterator[Judged]:
    """Yield a judged answer for each model and kind of hardware for which there is one that can be judged.

    After each of them it `rests`, so many times as long as it has worked, and others compute undisturbed.
    """
    described, begin = knowledge.described(mode), time.monotonic()
    for fingerprint in described[:: max(1, len(described) // models)]:
        description = store.description(fingerprint)
        own = knowledge.outcomes(store, fingerprint, mode)
        subject = Subject(fingerprint=fingerprint, description=description, mode=mode)
        for key in _some(each.hardware_key for each in own):
            if knowledge.stopped.wait(rests * (time.monotonic() - begin)):
                return
            begin = time.monotonic()
            here = [each for each in own if each.hardware_key == key]
            if (judged := _judged(store, knowledge, subject, key, here)) is not None:
                yield judged


def _judged(
    store: Store, knowledge: Knowledge, subject: Subject, key: str, measured: Iterable[Outcome]
) -> Judged | None:
    """Return the answer about a model on one kind of hardware beside what was measured; None where nothing tells."""
    setting = Setting(
        objective="throughput",
        constraints=Constraints(),
        mode=subject.mode,
        hardware_key=key,
        model_fingerprint=subject.fingerprint,
        memory_bytes=None,
    )
    target = Target(machine=machine_by_key(key))
    answer = transferred(store, knowledge, subject, target, setting, knows_itself=False)
    candidate = answer.recommendation.candidate
    right = None if candidate is None else confirmed(candidate, measured)
    if right is None:
        return None
    return Judged(model_fingerprint=subject.fingerprint, score=answer.score, right=right)


def confirmed(candidate: Candidate, outcomes: Iterable[Outcome]) -> bool | None:
    """Return whether a recommendation was right; None where what was measured does not tell.

    It was where the candidate is stable and about as fast as the fastest that is. The reference, by which the others
    are judged, counts as stable as long as nothing was found against it. A candidate that was slower than another one
    that is stable was wrong, whether or not anybody verified it.
    """
    found = list(outcomes)
    own = [each for each in found if each.candidate == candidate]
    if any(_failed(each) for each in own):
        return False
    best = max((_speed(each) for each in found if _holds(each)), default=0.0)
    speed = max(map(_speed, own), default=0.0)
    if not own or not best or not speed:
        return None
    if speed * _CLOSE < best:
        return False
    return True if any(map(_holds, own)) else None


def _failed(outcome: Outcome) -> bool:
    return is_stable(outcome) is False or outcome.status != "ok"


def _holds(outcome: Outcome) -> bool:
    return not _failed(outcome) and (is_stable(outcome) is True or is_reference(outcome.candidate))


def _speed(outcome: Outcome) -> float:
    return 1.0 if is_reference(outcome.candidate) else outcome.speedup or 0.0


def _some(keys: Iterable[str]) -> list[str]:
    found = sorted(set(keys))
    return found[:: max(1, len(found) // _HARDWARE)][:_HARDWARE]
