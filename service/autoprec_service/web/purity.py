"""What no request may hold: characters that a database cannot store."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from autoprec_service.web.problem import problem_of

_DETAIL = "The {where} holds a NUL character (U+0000), which cannot be stored. Leave it out."


class NoNul:
    """Refuses NUL characters in paths and queries; those in bodies are refused where JSON is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its address holds a NUL character."""
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            await problem_of(422, _DETAIL.format(where="address"))(scope, receive, send)
            return
        await self._app(scope, receive, send)


_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def check_no_nul(body: bytes) -> None:
    """Refuse a NUL character in JSON.

    Raises:
        ValueError: There is one.
    """
    if b"\\u0000" in body and _ESCAPED_NUL.search(body):
        raise ValueError(_DETAIL.format(where="body"))
