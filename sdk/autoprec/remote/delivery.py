"""Delivering what waits: once through the outbox, in an order in which no reader sees half a study as a whole one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from autoprec.client.blocking import Client
from autoprec.client.call import LONGEST_BATCH
from autoprec.client.errors import ClientError, RefusedError
from autoprec.remote.errors import OutboxError
from autoprec.remote.outbox import Outbox
from autoprec.remote.parcel import Parcel, ParcelKind
from autoprec_service.errors import StoreError

_NEVER_TAKEN = frozenset({400, 409, 413, 415, 422})
"""The statuses of what a service will not take later either."""

Send = Callable[[Sequence[Parcel]], object]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What became of one attempt to deliver everything."""

    delivered: int = 0
    refused: int = 0
    """Set aside: the service will never take them."""
    trouble: str | None = None
    """Why it ended before everything was delivered; None if nothing waits now."""


def deliver(client: Client, outbox: Outbox) -> Delivery:
    """Send everything that waits for the client's service, until all is acknowledged or something goes wrong.

    Nothing is raised: what is not acknowledged stays where it is, and sending it again does no harm.
    """
    return _Deliverer(client, outbox).deliver()


class _Deliverer:
    def __init__(self, client: Client, outbox: Outbox) -> None:
        self._client = client
        self._outbox = outbox
        self._delivered = 0
        self._refused = 0

    def deliver(self) -> Delivery:
        trouble = None
        try:
            self._announce()
            self._empty("trial", self._add)
            self._empty("study", self._save)
            self._empty("description", self._describe, limit=1)
            self._empty("run", self._put_run, limit=1)
        except (ClientError, OutboxError) as error:
            trouble = str(error)
        return Delivery(delivered=self._delivered, refused=self._refused, trouble=trouble)

    def _announce(self) -> None:
        """Tell the service of the studies whose trials come next; as running ones, as long as trials are missing."""
        due = self._outbox.groups(self._client.url)
        found = [each for each in self._outbox.batch(self._client.url, "study", limit=-1) if each.id in due]
        for start in range(0, len(found), LONGEST_BATCH):
            self._send(found[start : start + LONGEST_BATCH], self._save_as_running)

    def _empty(self, kind: ParcelKind, send: Send, limit: int = LONGEST_BATCH) -> None:
        while parcels := self._outbox.batch(self._client.url, kind, limit):
            self._acknowledged(self._send(parcels, send))

    def _send(self, parcels: Sequence[Parcel], send: Send) -> Sequence[Parcel]:
        """Send parcels together and return those that were taken.

        Where the service refuses them, they go by halves, down to the one that it refuses, which is set aside.
        """
        try:
            send(parcels)
        except (StoreError, ValidationError) as error:  # of another version of autoprec, which the upgrade left behind
            return self._divide(parcels, send, error)
        except RefusedError as error:
            if error.status not in _NEVER_TAKEN:
                raise
            return self._divide(parcels, send, error)
        return parcels

    def _divide(self, parcels: Sequence[Parcel], send: Send, error: Exception) -> Sequence[Parcel]:
        if len(parcels) == 1:
            self._outbox.refuse(parcels[0], str(error))
            self._refused += 1
            return ()
        middle = len(parcels) // 2
        return (*self._send(parcels[:middle], send), *self._send(parcels[middle:], send))

    def _acknowledged(self, parcels: Sequence[Parcel]) -> None:
        self._outbox.delivered(parcels)
        self._delivered += len(parcels)

    def _save_as_running(self, parcels: Sequence[Parcel]) -> None:
        running = {"status": "running", "finished_at": None}
        self._client.save_studies([each.study().model_copy(update=running) for each in parcels])

    def _save(self, parcels: Sequence[Parcel]) -> None:
        self._client.save_studies([each.study() for each in parcels])

    def _add(self, parcels: Sequence[Parcel]) -> None:
        self._client.add_trials([each.trial() for each in parcels])

    def _describe(self, parcels: Sequence[Parcel]) -> None:
        self._client.put_model(parcels[0].description())

    def _put_run(self, parcels: Sequence[Parcel]) -> None:
        self._client.put_run(parcels[0].run())
