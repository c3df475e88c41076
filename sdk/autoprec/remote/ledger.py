"""A ledger that keeps everything here and has everything delivered to a service."""

import warnings
from collections.abc import Callable, Iterable, Sequence

from autoprec.remote.errors import OutboxError
from autoprec.remote.outbox import Outbox
from autoprec.remote.parcel import Parcel, Record
from autoprec_runner.search.conduct import UNKNOWN
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.store import Store


class ReportingLedger:
    """Writes studies and trials to the outbox and to the store, in this order.

    So a process that is killed in between leaves nothing in the store that the service will never hear of.

    Args:
        store: Where they are kept.
        outbox: Where they wait for the service.
        url: The service.
        wake: Called when something waits.
    """

    def __init__(self, store: Store, outbox: Outbox, url: str, wake: Callable[[], None]) -> None:
        self._store = store
        self._outbox = outbox
        self._url = url
        self._wake = wake
        self._told: set[str] = set()
        self._troubled = False

    def study(self, study_id: str) -> Study | None:
        """Return a study of the store."""
        return self._store.study(study_id)

    def trials(self, *, study_id: str) -> Sequence[Trial]:
        """Return the trials of a study of the store."""
        return self._store.trials(study_id=study_id)

    def save_study(self, study: Study) -> None:
        """Keep a study; the trials of it that are kept already, from before a service was named, go along.

        One of a workload that could not be set up is kept here alone: nobody could find it by its model.
        """
        if study.model_fingerprint == UNKNOWN:
            self._store.save_study(study)
            return
        earlier = [] if study.id in self._told else self._store.trials(study_id=study.id)
        self._told.add(study.id)
        self.report(study, *earlier)
        self._store.save_study(study)

    def add_trials(self, trials: Iterable[Trial]) -> None:
        """Keep trials."""
        added = list(trials)
        self.report(*(each for each in added if each.model_fingerprint != UNKNOWN))
        self._store.add_trials(added)

    def report(self, *records: Record) -> None:
        """Have records delivered that need not be kept, or are."""
        if not records:
            return
        try:
            self._outbox.add(self._url, map(Parcel.of, records))
        except OutboxError as error:
            self._warn(error)
        self._wake()

    def _warn(self, error: OutboxError) -> None:
        """Say once what is wrong; measuring goes on."""
        if not self._troubled:
            warnings.warn(str(error), stacklevel=4)
        self._troubled = True
