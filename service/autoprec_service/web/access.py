"""Who may ask: whoever shows a token, for what its scopes allow, in the rows of its tenant."""

import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from autoprec_service import access
from autoprec_service.access import Access, Principal
from autoprec_service.access.principal import DEFAULT_TENANT
from autoprec_service.errors import StoreError
from autoprec_service.store import Store
from autoprec_service.web.problem import problem_of

if TYPE_CHECKING:
    from autoprec_service.access.doorkeeper import Doorkeeper

COOKIE = "autoprec_token"
"""Where a browser keeps its token: HttpOnly and SameSite=Strict, so that no page of another site can use it."""
ALWAYS_OPEN = ("/healthz", "/readyz")
"""What anyone may ask: it tells nothing but that the service answers, and whether it can work."""

_BEARER = re.compile(rb"bearer +(?P<token>[\x21-\x7e]+) *", re.IGNORECASE)
_COOKIE = re.compile(
    rb"(?:^|; *)" + COOKIE.encode() + rb"=(?P<token>[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+)(?:;|$)"
)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSAL = "Show a token that this service knows: Authorization: Bearer TOKEN."


class Authentication:
    """Finds out who asks; what that allows is decided behind it.

    Args:
        app: The application behind.
        owner: The application whose state holds the doorkeeper.
    """

    def __init__(self, app: ASGIApp, *, owner: FastAPI) -> None:
        self._app = app
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its principal."""
        if scope["type"] == "http":
            scope.setdefault("state", {})["principal"] = None
            if scope["path"] not in ALWAYS_OPEN:
                try:
                    scope["state"]["principal"] = await _principal(self._owner, scope)
                except StoreError as error:
                    await problem_of(503, str(error), {"Retry-After": "1"})(scope, receive, send)
                    return
        await self._app(scope, receive, send)


class Gate:
    """Refuses strangers (RFC 6750) before anything of their body is read.

    A path is closed unless it was opened: whatever an extension forgets to open, nobody gets to see.

    Args:
        app: The application behind.
        owner: The application whose state holds the open paths.
    """

    def __init__(self, app: ASGIApp, *, owner: FastAPI) -> None:
        self._app = app
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["state"]["principal"] is None and not _is_open(self._owner, scope["path"]):
            await _refuse(self._owner, scope, receive, send)
        elif _comes_from_elsewhere(scope):
            detail = "A page of another site may not send this: its Origin is not the host that it asks."
            await problem_of(403, detail)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def principal_of(request: Request) -> Principal | None:
    """Return who asks, None on an open path for someone without a good token."""
    principal: Principal | None = request.state.principal
    return principal


def require(scope: access.Scope) -> Callable[[Request], Coroutine[Any, Any, Principal]]:
    """Return a dependency that refuses who was not given this scope, and returns who asks."""

    async def required(request: Request) -> Principal:
        principal = principal_of(request)
        if principal is None:
            raise HTTPException(401, _REFUSAL, {"WWW-Authenticate": "Bearer"})
        if not principal.may(scope):
            has = ", ".join(sorted(principal.scopes))
            raise HTTPException(403, f"This needs a token with the scope {scope!r}; the one that was shown has: {has}.")
        return principal

    required.__name__ = f"require_{scope}"
    return required


async def require_operator(request: Request) -> Principal:
    """Refuse who does not belong to the tenant of whoever runs the service."""
    principal = await require("read")(request)
    if principal.tenant != DEFAULT_TENANT:
        raise HTTPException(
            403, f"These are numbers of all tenants: they are told to the tenant {DEFAULT_TENANT!r} alone."
        )
    return principal


def store_of(request: Request) -> Store:
    """Return what the tenant of whoever asks has stored."""
    principal = principal_of(request)
    if principal is None:
        raise HTTPException(401, _REFUSAL, {"WWW-Authenticate": "Bearer"})
    store: Store = request.app.state.store
    return store.for_tenant(principal.tenant)


def access_of(request: Request) -> Access:
    """Return the tokens and the audit log of the service."""
    found: Access = request.app.state.access
    return found


def authenticate(request_app: FastAPI, token: str) -> Principal | None:
    """Return whose token this is, None where it is not good: for a page that asks for it. It may ask the database.

    Raises:
        StoreError: The database does not answer.
    """
    doorkeeper: Doorkeeper = request_app.state.doorkeeper
    return doorkeeper.authenticate(token)


def open_paths(app: FastAPI, *paths: str) -> None:
    """Let anyone ask for these paths; one that ends in a slash opens all that begin with it."""
    app.state.open_paths = (*app.state.open_paths, *paths)


def login_at(app: FastAPI, path: str) -> None:
    """Open the path of a login page, and send browsers without a good token there: `?next=` says where from."""
    open_paths(app, path)
    app.state.login_path = path


async def _principal(app: FastAPI, scope: Scope) -> Principal | None:
    doorkeeper: Doorkeeper = app.state.doorkeeper
    token = _shown(scope)
    if token is None:
        known = doorkeeper.knows_everybody()  # a thread takes longer than all the rest
        return doorkeeper.everybody() if known else await run_in_threadpool(doorkeeper.everybody)
    found = doorkeeper.remembered(token)
    return found if found is not None else await run_in_threadpool(doorkeeper.authenticate, token)


def _shown(scope: Scope) -> str | None:
    """Return the token of a request, None without one; what is no token, or two of them, is an empty one."""
    headers = [value for name, value in scope["headers"] if name == b"authorization"]
    if headers:
        found = _BEARER.fullmatch(headers[0]) if len(headers) == 1 else None
        return found["token"].decode() if found else ""
    cookies = [value for name, value in scope["headers"] if name == b"cookie"]
    found = _COOKIE.search(b"; ".join(cookies)) if cookies else None
    return found["token"].decode() if found else None


def _is_open(app: FastAPI, path: str) -> bool:
    opened: tuple[str, ...] = app.state.open_paths
    return any(path == each or (each.endswith("/") and path.startswith(each)) for each in opened)


def _comes_from_elsewhere(scope: Scope) -> bool:
    """Return whether a browser says that a page of another site sent this."""
    if scope["method"] in _SAFE_METHODS:
        return False
    headers = dict(scope["headers"])
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2] != headers.get(b"host", b"")


async def _refuse(app: FastAPI, scope: Scope, receive: Receive, send: Send) -> None:
    app.state.metrics.unauthorized.inc()
    accepted = dict(scope["headers"]).get(b"accept", b"")
    login: str | None = app.state.login_path
    if login is not None and scope["method"] == "GET" and b"text/html" in accepted:
        await RedirectResponse(f"{login}?{urlencode({'next': _asked(scope)})}", status_code=303)(scope, receive, send)
        return
    headers = {"WWW-Authenticate": "Bearer", "Connection": "close"}
    await problem_of(401, _REFUSAL, headers)(scope, receive, send)


def _asked(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    path: str = quote(scope["path"])
    return f"{path}?{query}" if query else path
