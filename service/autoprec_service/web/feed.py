"""What is new in a store, told to many listeners for the price of one question."""

import asyncio
import logging
from collections.abc import AsyncIterator

from fastapi.concurrency import run_in_threadpool

from autoprec_service.change import Change
from autoprec_service.errors import StoreError
from autoprec_service.store import Store

_PAGE = 500
_QUIET_INTERVALS = 10
_log = logging.getLogger("autoprec.events")


class Feed:
    """The changes of one tenant's store, whichever process wrote them.

    While someone listens, the store is asked every `interval` seconds whether there is anything new; only then each
    listener reads what it has not seen.

    Args:
        store: The store of the tenant.
        stopping: Set when the service ends, and with it every listening.
        interval: Seconds between two questions.
    """

    def __init__(self, store: Store, stopping: asyncio.Event, *, interval: float = 1.0) -> None:
        self._store = store
        self._stopping = stopping
        self._interval = interval
        self._newest = 0
        self._grown = asyncio.Condition()
        self._asking: asyncio.Task[None] | None = None
        self.listeners = 0

    async def changes(self, after: int | None) -> AsyncIterator[list[Change]]:
        """Yield what was written after a position, or from now on for None.

        Yields an empty list first and after some intervals without news, so that a listener that went away is noticed.

        Raises:
            StoreError: The database does not answer.
        """
        self._join()
        try:
            position = await run_in_threadpool(self._store.last_change) if after is None else after
            while not self._stopping.is_set():
                page = await run_in_threadpool(self._store.changes, position, _PAGE)
                position = page[-1].position if page else position
                yield page
                if len(page) < _PAGE:
                    await self._wait_beyond(position)
        finally:
            self._leave()

    async def _wait_beyond(self, position: int) -> None:
        """Wait for one interval at least, and until there is something after a position for a few at most."""
        async with self._grown:
            for _ in range(_QUIET_INTERVALS):
                await self._grown.wait()
                if self._newest > position or self._stopping.is_set():
                    return

    def _join(self) -> None:
        self.listeners += 1
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())

    def _leave(self) -> None:
        self.listeners -= 1
        if not self.listeners and self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _ask(self) -> None:
        while True:
            try:
                self._newest = await run_in_threadpool(self._store.last_change)
            except StoreError as error:
                _log.warning("No news: %s", error)  # listeners find out when they read
            async with self._grown:
                self._grown.notify_all()
            await asyncio.sleep(self._interval)
