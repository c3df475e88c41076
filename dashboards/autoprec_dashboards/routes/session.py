"""Signing in with a token, which the browser then shows by itself, and signing out."""

from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from autoprec_dashboards.context import Context, Text
from autoprec_service.web.access import COOKIE, authenticate

LOGIN = "/ui/login"
_LONGEST_FORM = 4096
_CANNOT_READ = "This token may report and not read. Pages need one with the scope read."
_REFUSED = "This token is not known here, has expired, or was revoked. Check that it was copied whole."


def session_routes(app: FastAPI, context: Context) -> APIRouter:
    """Return the routes of the login page."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(LOGIN)
    def ask(request: Request, next: Text = "/") -> Response:  # noqa: A002 (the name that the service gives it)
        return context.pages.page(request, "login.html", next=_own(next), error="")

    @routes.post(LOGIN)
    async def sign_in(request: Request) -> Response:
        given = parse_qs((await request.body())[:_LONGEST_FORM].decode(errors="replace"))
        token, target = given.get("token", [""])[0].strip(), _own(given.get("next", ["/"])[0])
        principal = await run_in_threadpool(authenticate, app, token) if token else None
        if principal is None or not principal.may("read"):
            error = _REFUSED if principal is None else _CANNOT_READ
            return context.pages.page(request, "login.html", status=403, next=target, error=error)
        response = RedirectResponse(request.scope.get("root_path", "") + target, status_code=303)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/")
        return response

    @routes.post("/ui/logout")
    def sign_out(request: Request) -> Response:
        response = RedirectResponse(request.scope.get("root_path", "") + LOGIN, status_code=303)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    return routes


def _own(target: str) -> str:
    """Return where to go after signing in: never to another site, whatever the address says."""
    parts = urlsplit(target)
    safe = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return target if safe and "\r" not in target and "\n" not in target else "/"
