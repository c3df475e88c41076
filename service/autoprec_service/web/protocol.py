"""HTTP connections that do not wait for ever, whoever is at the other end.

uvicorn gives a kept connection five seconds until the next request begins, and nothing else a limit: neither the head
of a request, nor its body, nor the reading of an answer. Who opens many connections and sends a byte now and then
(slowloris) would keep them all.
"""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from autoprec_service.web.problem import MEDIA_TYPE, TITLES, Problem

_LATE = Problem(
    title=TITLES[408],
    status=408,
    detail="The request did not arrive in time. Send it again, faster or in smaller parts.",
)
_FULL = Problem(title="Too many connections", status=503, detail="Too many connections are open. Try again later.")
_PHRASES = {408: "Request Timeout", 503: "Service Unavailable"}

_Waiting = dict["BoundedProtocol", None]
_waiting: WeakKeyDictionary[ServerState, _Waiting] = WeakKeyDictionary()


def bounded_protocol(*, seconds: float, most: int) -> type["BoundedProtocol"]:
    """Return the protocol for a server: a request has so many seconds to arrive, and so many may be connected."""
    return type("ServiceProtocol", (BoundedProtocol,), {"seconds": seconds, "most": most})


class BoundedProtocol(H11Protocol):
    """A connection whose requests must arrive, and whose answers must be read, within `seconds`.

    Beyond `most` connections the one goes that has waited longest for its client; where none waits, the new one does.
    """

    seconds: float
    most: int

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._arriving: asyncio.TimerHandle | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._waiting = _waiting.setdefault(server_state, {})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin to wait for the first request."""
        super().connection_made(transport)
        if len(self.connections) > self.most and not self._make_room():
            self._end_with(_FULL)
            return
        self._follow()

    def data_received(self, data: bytes) -> None:
        """Take what came, and go on waiting for what is missing."""
        super().data_received(data)
        self._follow()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._follow()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        self._cancel_leaving()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait until the client reads."""
        super().pause_writing()
        self._leaving = self.loop.call_later(self.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop waiting for that."""
        self._cancel_leaving()
        super().resume_writing()

    def _follow(self) -> None:
        """Wait for the rest of a request if one is not there as a whole, and else no longer."""
        if self.transport.is_closing() or not self._is_incomplete():
            self._stop_waiting()
        elif self._arriving is None:
            self._arriving = self.loop.call_later(self.seconds, self._too_late)
            self._waiting[self] = None

    def _is_incomplete(self) -> bool:
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _stop_waiting(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None
        self._waiting.pop(self, None)

    def _cancel_leaving(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _too_late(self) -> None:
        if self._nothing_came():
            self.transport.close()
        else:
            self._end_with(_LATE)

    def _nothing_came(self) -> bool:
        """Return whether a connection was only kept open, which no client wants to hear about."""
        between = self.cycle is None or self.cycle.response_complete
        return between and not self.conn.trailing_data[0]

    def _make_room(self) -> bool:
        longest = next(iter(self._waiting), None)
        if longest is None:
            return False
        longest._end_with(_FULL)  # noqa: SLF001 (one of us)
        return True

    def _end_with(self, problem: Problem) -> None:
        """Answer with a problem unless an answer has begun, and end the connection."""
        self._stop_waiting()
        begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not begun:
            self.transport.write(_written(problem))
        self.transport.close()


def _written(problem: Problem) -> bytes:
    body = problem.model_dump_json().encode()
    head = (
        f"HTTP/1.1 {problem.status} {_PHRASES[problem.status]}\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
