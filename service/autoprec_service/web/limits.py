"""How much a client may send at once."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoprec_service.web.problem import Problem, problem_response


class _TooLargeError(Exception):
    """A body went on beyond the limit."""


class BodyLimit:
    """Refuses the bodies that are too large before they are read into memory, whether they say their length or not.

    Args:
        app: The application behind.
        limits: Bytes that a body may have, by the beginning of the path; other paths have no limit here.
    """

    def __init__(self, app: ASGIApp, *, limits: Mapping[str, int]) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its body is too large."""
        limit = self._limit(scope)
        if limit is None:
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            await _refuse(limit, scope, receive, send)
            return
        await self._watched(limit, scope, receive, send)

    def _limit(self, scope: Scope) -> int | None:
        if scope["type"] != "http":
            return None
        return next((limit for begin, limit in self._limits.items() if scope["path"].startswith(begin)), None)

    async def _watched(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        received, exceeded, answered = 0, False, False

        async def counting_receive() -> Message:
            nonlocal received, exceeded
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                exceeded = True
                raise _TooLargeError
            return message

        async def watching_send(message: Message) -> None:
            nonlocal answered
            if exceeded:
                return  # whatever the application makes of the error, the answer is ours
            answered = True
            await send(message)

        try:
            await self._app(scope, counting_receive, watching_send)
        except _TooLargeError:
            if answered:
                raise
        if exceeded and not answered:
            await _refuse(limit, scope, receive, send)


async def _refuse(limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    detail = f"The body is larger than the {limit} bytes that are taken here. Send less at once."
    response = problem_response(Problem(title="Body too large", status=413, detail=detail), {"Connection": "close"})
    await response(scope, receive, send)
