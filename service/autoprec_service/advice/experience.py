"""What one tenant's stored outcomes teach: which models are near, and how often answers drawn from them were right."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock, Thread

from autoprec_service.advice.calibration import PRIOR, Calibration
from autoprec_service.advice.confirming import calibrate
from autoprec_service.advice.knowledge import Knowledge
from autoprec_service.errors import StoreError
from autoprec_service.store import Store

_log = logging.getLogger(__name__)

_LASTING = timedelta(minutes=10)
_RESTS = 9.0
"""How many times as long as it works a thread beside rests: Python computes in one thread at a time."""


class Experience:
    """Knowledge and the calibration that was made of it. Everything in it follows from the store."""

    def __init__(self) -> None:
        self.knowledge = Knowledge()
        self._calibration: Calibration | None = None
        self._made_at: datetime | None = None
        self._making = Lock()
        self._starting = Lock()
        self._threads: list[Thread] = []

    @property
    def latest_calibration(self) -> Calibration:
        """The last calibration; a cautious prior before there is one."""
        return self._calibration or PRIOR

    def refresh(self, store: Store, now: datetime) -> None:
        """Bring the knowledge up to date; an old calibration is made anew beside, and holds until then."""
        self.knowledge.refresh(store)
        if self._is_due(now) and self._making.acquire(blocking=False):
            self._start(self._make_beside, store, now)

    def refresh_beside(self, store: Store, now: datetime) -> None:
        """Do the same in a thread of its own."""
        self._start(self._refresh_beside, store, now)

    def calibrate(self, store: Store, now: datetime) -> Calibration:
        """Return a calibration that is not old; making one asks about some hundred models and may take seconds."""
        self.knowledge.refresh(store)
        self._making.acquire()
        if self._is_due(now):
            self._make(store, now)
        else:
            self._making.release()
        return self.latest_calibration

    def close(self) -> None:
        """End what goes on in the background; call it before the store is closed."""
        self.knowledge.stopped.set()
        with self._starting:
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()

    def _start(self, work: Callable[[Store, datetime], None], store: Store, now: datetime) -> None:
        thread = Thread(target=work, args=(store, now), name="autoprec-experience", daemon=True)
        with self._starting:
            self._threads = [each for each in self._threads if each.is_alive()]
            thread.start()
            self._threads.append(thread)

    def _refresh_beside(self, store: Store, now: datetime) -> None:
        try:
            self.refresh(store, now)
        except StoreError as error:
            _log.warning("What is known of models was not read ahead: %s", error)

    def _make_beside(self, store: Store, now: datetime) -> None:
        try:
            self._make(store, now, rests=_RESTS)
        except StoreError as error:  # it may have been closed meanwhile; the next question tries again
            _log.warning("Answers from near models were not judged anew: %s", error)

    def _make(self, store: Store, now: datetime, *, rests: float = 0.0) -> None:
        """Make a calibration; whoever calls holds the lock, which is let go at the end."""
        try:
            self.knowledge.look_for_new(store)
            made = calibrate(store, self.knowledge, rests=rests)
            if not self.knowledge.stopped.is_set():
                self._calibration, self._made_at = made, now
        finally:
            self._making.release()

    def _is_due(self, now: datetime) -> bool:
        return self._made_at is None or now - self._made_at > _LASTING
