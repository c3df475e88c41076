"""All machines in a line each, read from the store in pages and remembered for a moment."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, Thread

from autoprec_dashboards.pages.fleet import NodeRow, node_row
from autoprec_service.errors import StoreError
from autoprec_service.fleet import Node
from autoprec_service.store import Store

MOST = 5000
"""Machines that are counted; the page says so where there are more."""
_PAGE = 250


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """The machines of a tenant as they were when they were read."""

    rows: tuple[NodeRow, ...]
    made_at: float


class Census:
    """Who reports, by tenant. A reader waits for a reading only where there is none that is young enough.

    A reading that is not fresh any more is shown once again while the next one is made beside it.

    Args:
        fresh_seconds: For how long nothing is read anew.
        oldest_seconds: From which age on a reading is not shown any more.
        clock: Seconds that pass, whatever the time of day does.
    """

    def __init__(
        self,
        *,
        fresh_seconds: float = 5.0,
        oldest_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fresh = fresh_seconds
        self._oldest = oldest_seconds
        self._clock = clock
        self._lock = Lock()
        self._known: dict[str, _Reading] = {}
        self._under_way: dict[str, Thread] = {}

    def of(self, store: Store, tenant: str, now: datetime) -> tuple[NodeRow, ...]:
        """Return the machines of a tenant by name.

        Raises:
            StoreError: The store cannot be read.
        """
        found = self._known.get(tenant)
        age = None if found is None else self._clock() - found.made_at
        if found is None or age is None or age > self._oldest:
            return self._read(store, tenant, now)
        if age > self._fresh:
            self._read_beside(store, tenant, now)
        return found.rows

    def wait(self) -> None:
        """Wait until nothing is being read beside."""
        for each in [*self._under_way.values()]:
            each.join()

    def _read(self, store: Store, tenant: str, now: datetime) -> tuple[NodeRow, ...]:
        rows = tuple(node_row(each, now) for each in _nodes(store))
        self._known[tenant] = _Reading(rows=rows, made_at=self._clock())
        return rows

    def _read_beside(self, store: Store, tenant: str, now: datetime) -> None:
        with self._lock:
            current = self._under_way.get(tenant)
            if current is None or not current.is_alive():
                thread = Thread(
                    target=self._try_to_read, args=(store, tenant, now), name="autoprec-census", daemon=True
                )
                self._under_way[tenant] = thread
                thread.start()

    def _try_to_read(self, store: Store, tenant: str, now: datetime) -> None:
        try:
            self._read(store, tenant, now)
        except StoreError:
            return  # whoever looks when the last reading is too old is told why


def _nodes(store: Store) -> Iterator[Node]:
    read, after = 0, None
    while read < MOST and (page := store.nodes(limit=_PAGE, after=after)):
        yield from page
        read, after = read + len(page), page[-1].name
