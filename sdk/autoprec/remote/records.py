"""The studies and trials of a service, to be listed, exported and imported as those of a store are."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Unpack

from autoprec.client.blocking import Client
from autoprec.client.errors import RefusedError
from autoprec.client.routes import StudyFilters, TrialFilters
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.errors import StoreConflictError

_CONFLICTS = frozenset({409, 422})


class RemoteRecords:
    """What `Store` says of studies and trials, said of those of a service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def save_study(self, study: Study) -> None:
        """Store a study, or replace what is stored under its id."""
        with _conflicts():
            self._client.save_studies([study])

    def study(self, id: str) -> Study | None:  # noqa: A002 (see Store)
        """Return the study of this id, None where there is none."""
        return self._client.study(id)

    def studies(self, *, limit: int | None = None, **filters: Unpack[StudyFilters]) -> list[Study]:
        """Return the studies that match every filter."""
        return list(islice(self._client.studies(**filters), limit))

    def add_trials(self, trials: Iterable[Trial]) -> int:
        """Add trials, and return how many of them were new."""
        with _conflicts():
            return self._client.add_trials(trials).stored

    def trial(self, id: str) -> Trial | None:  # noqa: A002 (see Store)
        """Return the trial of this id, None where there is none."""
        return self._client.trial(id)

    def trials(self, *, limit: int | None = None, **filters: Unpack[TrialFilters]) -> list[Trial]:
        """Return the trials that match every filter."""
        return list(islice(self._client.trials(**filters), limit))


@contextmanager
def _conflicts() -> Iterator[None]:
    """Say in the words of a store that a record contradicts what is stored."""
    try:
        yield
    except RefusedError as error:
        if error.status in _CONFLICTS:
            raise StoreConflictError(error.detail) from error
        raise
