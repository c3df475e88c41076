import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autoprec_service.advice.advise import advise
from autoprec_service.advice.adviser import Adviser
from autoprec_service.advice.question import Question
from autoprec_service.advice.recorder import Recorder
from autoprec_service.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DESCRIPTION = {"model_fingerprint": "a", "workload_key": "w", "name": "secret", "mode": "train", "parameters": 10}


def asked(recorder: Recorder, store: Store, number: int = 1, **fields: Any) -> None:
    question = Question.model_validate({"model_fingerprint": "a", "hardware_key": "cpu-x86-avx2-2c"} | fields)
    for _ in range(number):
        recorder.add(store, question, advise(store, question, NOW, adviser=Adviser()), NOW)


def test_nothing_is_written_before_it_is_flushed(store: Store) -> None:
    recorder = Recorder()
    asked(recorder, store)
    assert [] == store.recommendations()
    recorder.flush()
    assert ["a"] == [each.model_fingerprint for each in store.recommendations()]


def test_what_is_waiting_at_the_end_is_written(store: Store) -> None:
    recorder = Recorder()
    recorder.start()
    asked(recorder, store, 3)
    recorder.close()
    assert 3 == len(store.recommendations())


def test_each_tenant_gets_its_own(store: Store) -> None:
    recorder, other = Recorder(), store.for_tenant("other")
    asked(recorder, store, 2)
    asked(recorder, other)
    recorder.flush()
    assert (2, 1) == (len(store.recommendations()), len(other.recommendations()))


def test_the_question_is_kept_without_description_and_profile(store: Store) -> None:
    recorder = Recorder()
    asked(recorder, store, description=DESCRIPTION, max_memory_bytes=5)
    recorder.flush()
    (kept,) = store.recommendations()
    assert {"model_fingerprint", "hardware_key", "max_memory_bytes", "objective"} == set(kept.question)


def test_what_cannot_be_written_is_told_and_counted(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    asked(recorder, store, 2)
    store.close()
    with caplog.at_level(logging.WARNING):
        recorder.flush()
        assert 0 == recorder.dropped
        recorder.close()
    assert 2 == recorder.dropped
    assert "2 answers could not be remembered" in caplog.text


def test_answers_keep_the_time_at_which_they_were_asked_for(store: Store) -> None:
    recorder = Recorder()
    asked(recorder, store)
    recorder.flush()
    assert timedelta(0) == store.recommendations()[0].asked_at - NOW
