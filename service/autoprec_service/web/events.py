"""What happens, as it happens: server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query, Request
from fastapi.responses import StreamingResponse

from autoprec_service.change import Change
from autoprec_service.errors import StoreError
from autoprec_service.store import Store
from autoprec_service.web.feed import Feed
from autoprec_service.web.parameters import Reader, TenantStore, routes

MOST_LISTENERS = 1000
"""Listeners of all tenants that one process serves."""
_LARGEST = (1 << 63) - 1
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events without end.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # nginx would hold events back


class Feeds:
    """One feed for each tenant that someone listens to.

    Args:
        stopping: Set when the service ends.
    """

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        self._feeds: dict[str, Feed] = {}

    def of(self, tenant: str, store: Store) -> Feed:
        """Return the feed of a tenant.

        Raises:
            HTTPException: As many listen as this process can serve.
        """
        self._feeds = {name: feed for name, feed in self._feeds.items() if feed.listeners}
        if sum(feed.listeners for feed in self._feeds.values()) >= MOST_LISTENERS:
            raise HTTPException(503, f"{MOST_LISTENERS} listen already. Try again later.", {"Retry-After": "10"})
        return self._feeds.setdefault(tenant, Feed(store, self._stopping))


def event_routes() -> APIRouter:
    """Return the route of events."""
    found = routes("events")

    @found.get("/events", operation_id="followEvents", response_class=StreamingResponse, responses=_STREAM)
    async def events(
        *,
        request: Request,
        store: TenantStore,
        who: Reader,
        last_event_id: Annotated[int | None, Header(ge=0, le=_LARGEST)] = None,
        after: Annotated[
            int | None, Query(ge=0, le=_LARGEST, description="The same for who cannot set a header.")
        ] = None,
    ) -> StreamingResponse:
        """Follow what is written: `event` is the kind of a record and `data` its id and model, as JSON.

        It goes on after `Last-Event-ID`, as browsers send it when they connect again, else from now on.
        """
        position = last_event_id if last_event_id is not None else after
        feed = _feeds(request).of(who.tenant, store)
        return StreamingResponse(_told(feed, position), media_type="text/event-stream", headers=_HEADERS)

    return found


async def _told(feed: Feed, position: int | None) -> AsyncIterator[str]:
    """Yield events, and comments where there is nothing to tell, so that a connection that is dead is noticed."""
    try:
        async for page in feed.changes(position):
            yield "".join(map(_event, page)) or ": nothing new\n\n"
    except StoreError:
        return  # the client connects again and is told why


def _event(change: Change) -> str:
    return f"id: {change.position}\nevent: {change.kind}\ndata: {change.model_dump_json()}\n\n"


def _feeds(request: Request) -> Feeds:
    found: Feeds = request.app.state.feeds
    return found
