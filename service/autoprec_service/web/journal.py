"""A line in the log for each request, an id for it, and an answer where the application has none."""

import logging
import re
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoprec_service.web.access import ALWAYS_OPEN
from autoprec_service.web.logs import REQUESTS, request_id
from autoprec_service.web.problem import problem_of

if TYPE_CHECKING:
    from autoprec_service.access import Principal

_HEADER = b"x-request-id"
_ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_SERVER_ERROR = 500
_MS = 1000

_requests = logging.getLogger(REQUESTS)
_errors = logging.getLogger("autoprec.errors")


class Journal:
    """Gives each request an id, its own if it brings a plain one (`X-Request-ID`), and logs how it was answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and log it when it has been answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = _id(scope)
        forget, begun, status = request_id.set(identity.decode()), time.perf_counter(), 0

        async def naming_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (_HEADER, identity)]
            await send(message)

        try:
            await self._app(scope, receive, naming_send)
        finally:
            _log(scope, status, time.perf_counter() - begun)
            request_id.reset(forget)


class Unexpected:
    """Answers with a problem where the application fails; what failed is in the log alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer it if nobody else does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def noting_send(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except Exception:
            _errors.exception("A request failed", extra={"fields": {"path": scope["path"]}})
            if answered:
                raise
            detail = f"This is a defect of the service; its log tells more about request {request_id.get()}."
            await problem_of(_SERVER_ERROR, detail)(scope, receive, send)


def _id(scope: Scope) -> bytes:
    brought = [value for name, value in scope["headers"] if name == _HEADER]
    good = len(brought) == 1 and _ACCEPTED_ID.fullmatch(brought[0])
    return brought[0] if good else uuid4().hex.encode()


def _log(scope: Scope, status: int, seconds: float) -> None:
    level = logging.DEBUG if scope["path"] in ALWAYS_OPEN else logging.INFO
    if not _requests.isEnabledFor(level):
        return
    principal: Principal | None = scope.get("state", {}).get("principal")
    fields = {
        "method": scope["method"],
        "path": scope["path"],
        "status": status or "aborted",
        "duration_ms": round(seconds * _MS, 3),
        "client": scope["client"][0] if scope["client"] else None,
        "tenant": None if principal is None else principal.tenant,
        "token": None if principal is None else principal.token_id,
    }
    _requests.log(level, "request", extra={"fields": fields})
