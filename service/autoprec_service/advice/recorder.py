"""Remembering what was asked and answered, without anybody waiting for it."""

import logging
from collections import deque
from datetime import datetime
from threading import Event, Lock, Thread

from autoprec_service.advice.answer import Advice
from autoprec_service.advice.question import Question
from autoprec_service.asked import AskedRecommendation
from autoprec_service.errors import StoreError
from autoprec_service.store import Store

_log = logging.getLogger(__name__)

_MOST = 20_000
"""Answers that are kept while the store cannot be written; the oldest go first."""
_BATCH = 500
_EVERY_SECONDS = 1.0


class Recorder:
    """Takes answers at once and writes them to their tenants' stores in the background, once a second and at the end.

    An answer that could not be written is tried again with the next ones. What had to be given up is counted in
    `dropped`, and logged.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: deque[tuple[Store, AskedRecommendation]] = deque()
        self._lock = Lock()
        self._writing = Lock()
        self._stopped = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to write in the background."""
        self._stopped.clear()
        self._thread = Thread(target=self._run, name="autoprec-recorder", daemon=True)
        self._thread.start()

    def add(self, store: Store, question: Question, advice: Advice, asked_at: datetime) -> None:
        """Remember an answer that is about to be given."""
        asked = asked_recommendation(question, advice, asked_at)
        with self._lock:
            self._waiting.append((store, asked))
            if len(self._waiting) > _MOST:
                self._waiting.popleft()
                self.dropped += 1

    def flush(self) -> None:
        """Write what is waiting, as far as the stores take it."""
        with self._writing:
            with self._lock:
                taken, self._waiting = list(self._waiting), deque()
            stores = {store.tenant: store for store, _ in taken}
            for tenant, store in stores.items():
                own = [asked for each, asked in taken if each.tenant == tenant]
                for start in range(0, len(own), _BATCH):
                    self._write(store, own[start : start + _BATCH])

    def close(self) -> None:
        """Write what is waiting and stop."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.flush()
        with self._lock:
            if self._waiting:
                self.dropped += len(self._waiting)
                _log.warning("%d answers could not be remembered: the store takes nothing.", len(self._waiting))
                self._waiting.clear()

    def _write(self, store: Store, asked: list[AskedRecommendation]) -> None:
        try:
            store.add_recommendations(asked)
        except StoreError as error:
            _log.warning("Answers are kept until they can be written: %s", error)
            with self._lock:
                self._waiting.extendleft((store, each) for each in reversed(asked))

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY_SECONDS):
            self.flush()


def asked_recommendation(question: Question, advice: Advice, asked_at: datetime) -> AskedRecommendation:
    """Return what is remembered of an answer. Of a description only the fingerprint is, and of a profile its key."""
    told = question.model_dump(mode="json", exclude_none=True, exclude={"description", "profile"})
    return AskedRecommendation(
        id=advice.id,
        asked_at=asked_at,
        question=told,
        precision=advice.precision,
        basis=advice.basis,
        confidence=advice.confidence,
        model_fingerprint=question.fingerprint,
        hardware_key=advice.hardware_key,
        mode=advice.mode,
        evidence=advice.evidence,
    )
