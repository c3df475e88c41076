"""Who may ask: those who show one of the tokens that the service was started with."""

import hmac
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from autoprec_service.web.problem import Problem, problem_response

OPEN_PATHS = frozenset({"/healthz"})
"""What anyone may ask: it tells nothing but that the service answers."""

_BEARER = re.compile(rb"bearer +(?P<token>[\x21-\x7e]+) *", re.IGNORECASE)


class BearerTokens:
    """Refuses requests without a valid bearer token (RFC 6750) before anything of their body is read.

    Args:
        app: The application behind.
        tokens: The valid ones; each can do everything.
    """

    def __init__(self, app: ASGIApp, *, tokens: Iterable[str]) -> None:
        self._app = app
        self._tokens = tuple(each.encode() for each in tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it shows no valid token."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or self._shown(scope):
            await self._app(scope, receive, send)
            return
        detail = "Show a token that this service knows: Authorization: Bearer TOKEN."
        problem = Problem(title="Not authorized", status=401, detail=detail)
        response = problem_response(problem, {"WWW-Authenticate": "Bearer", "Connection": "close"})
        await response(scope, receive, send)

    def _shown(self, scope: Scope) -> bool:
        """Compare with every token, each in a time that does not depend on where they differ."""
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        found = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
        if found is None:
            return False
        return any([hmac.compare_digest(found["token"], each) for each in self._tokens])  # noqa: C419 (all of them, always)
