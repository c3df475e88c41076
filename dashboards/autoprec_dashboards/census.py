"""All machines in a line each, read from the store in pages and remembered for a moment."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from threading import Lock

from autoprec_dashboards.pages.fleet import NodeRow, node_row
from autoprec_service.fleet import Node
from autoprec_service.store import Store

MOST = 5000
"""Machines that are counted; the page says so where there are more."""
_PAGE = 250


class Census:
    """Who reports, by tenant. Machines report every few seconds at most, and so nothing is read anew more often.

    Args:
        lifetime_seconds: For how long a reading is good enough.
        clock: Seconds that pass, whatever the time of day does.
    """

    def __init__(self, *, lifetime_seconds: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime = lifetime_seconds
        self._clock = clock
        self._lock = Lock()
        self._known: dict[str, tuple[float, tuple[NodeRow, ...]]] = {}

    def of(self, store: Store, tenant: str, now: datetime) -> tuple[NodeRow, ...]:
        """Return the machines of a tenant by name."""
        with self._lock:
            found = self._known.get(tenant)
            if found is None or self._clock() - found[0] > self._lifetime:
                found = self._clock(), tuple(node_row(each, now) for each in _nodes(store))
                self._known[tenant] = found
            return found[1]


def _nodes(store: Store) -> Iterator[Node]:
    read, after = 0, None
    while read < MOST and (page := store.nodes(limit=_PAGE, after=after)):
        yield from page
        read, after = read + len(page), page[-1].name
