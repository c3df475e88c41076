"""How much clients may send at once."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoprec_service.web.problem import problem_of

_BODIES_IN_MEMORY = 8
"""How many of the largest bodies may be on their way at the same time, those of all clients together."""


class _TooLargeError(Exception):
    """A body went on beyond the limit."""


class _TooManyError(Exception):
    """All bodies together went on beyond what fits into memory."""


class BodyLimit:
    """Refuses the bodies that are too large before they are read into memory, whether they say their length or not.

    Args:
        app: The application behind.
        largest: Bytes that a body may have.
        limits: The same for some paths, by their beginning.
    """

    def __init__(self, app: ASGIApp, *, largest: int, limits: Mapping[str, int]) -> None:
        self._app = app
        self._largest = largest
        self._limits = limits
        self._held = 0
        self._most_held = largest * _BODIES_IN_MEMORY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its body is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or len(length) > len(str(limit)) or int(length) > limit:
            await _refuse(limit, scope, receive, send)
            return
        await self._watched(limit, scope, receive, send)

    def _limit(self, path: str) -> int:
        found = (limit for begin, limit in self._limits.items() if path.startswith(begin))
        return min(next(found, self._largest), self._largest)

    async def _watched(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        received, answered = 0, False
        refused: Exception | None = None

        async def counting_receive() -> Message:
            nonlocal received, refused
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self._held += size
            if received > limit:
                refused = _TooLargeError()
            elif self._held > self._most_held:
                refused = _TooManyError()
            if refused is not None:
                raise refused
            return message

        async def watching_send(message: Message) -> None:
            nonlocal answered
            if refused is not None and not answered:
                return  # whatever the application makes of the error, the answer is ours
            answered = True
            await send(message)

        try:
            await self._app(scope, counting_receive, watching_send)
        except (_TooLargeError, _TooManyError):
            if answered:
                raise
        finally:
            self._held -= received
        if refused is not None and not answered:
            await (_refuse(limit, scope, receive, send) if received > limit else _put_off(scope, receive, send))


async def _refuse(limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    detail = f"The body is larger than the {limit} bytes that are taken here. Send less at once."
    await problem_of(413, detail, {"Connection": "close"})(scope, receive, send)


async def _put_off(scope: Scope, receive: Receive, send: Send) -> None:
    detail = "Too much is being sent at the same time. Send it again later."
    await problem_of(503, detail, {"Connection": "close", "Retry-After": "1"})(scope, receive, send)
