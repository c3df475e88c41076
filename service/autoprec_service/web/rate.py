"""How often one client may ask."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from autoprec_service.web.metrics import Metrics
from autoprec_service.web.problem import problem_of

if TYPE_CHECKING:
    from autoprec_service.access import Principal

_MOST_CLIENTS = 50_000
_SECONDS = 60.0


class Buckets:
    """A bucket of requests for each client: it holds a minute's worth and is filled at an even rate.

    Args:
        per_minute: What each holds.
        clock: Seconds that only go forward.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / _SECONDS
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, client: str) -> float:
        """Take one request out of a client's bucket; return 0, or the seconds until there is one."""
        now = self._clock()
        left, since = self._left.pop(client, (self._capacity, now))
        left = min(self._capacity, left + (now - since) * self._per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._left[client] = (left if wait else left - 1, now)
        if len(self._left) > _MOST_CLIENTS:
            self._left.pop(next(iter(self._left)))  # who asked longest ago: that bucket is the fullest
        return wait


class RateLimit:
    """Refuses clients that ask too often (RFC 6585). A client is a token, or an address without one.

    Each process counts for itself.

    Args:
        app: The application behind.
        per_minute: How many requests each client may send.
        metrics: Where refusals are counted.
        exempt: Paths that are answered always.
    """

    def __init__(self, app: ASGIApp, *, per_minute: int, metrics: Metrics, exempt: tuple[str, ...]) -> None:
        self._app = app
        self._buckets = Buckets(per_minute)
        self._metrics = metrics
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its client has sent too many."""
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        wait = self._buckets.take(_client(scope))
        if not wait:
            await self._app(scope, receive, send)
            return
        self._metrics.rate_limited.inc()
        seconds = str(math.ceil(wait))
        detail = f"This service takes no more requests of this client for now. Ask again in {seconds} s."
        await problem_of(429, detail, {"Retry-After": seconds})(scope, receive, send)


def _client(scope: Scope) -> str:
    principal: Principal | None = scope["state"].get("principal")
    if principal is not None and principal.token_id is not None:
        return f"token {principal.token_id}"
    return f"address {scope['client'][0] if scope['client'] else None}"
