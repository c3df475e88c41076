"""The dashboard as an extension of the service: `create_app(settings, extensions=[dashboard])`."""

from datetime import UTC, datetime

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from autoprec_dashboards.assets import Assets
from autoprec_dashboards.census import Census
from autoprec_dashboards.context import Clock, Context
from autoprec_dashboards.errors import PageError
from autoprec_dashboards.rendering import Pages
from autoprec_dashboards.routes.compare import compare_routes
from autoprec_dashboards.routes.fleet import fleet_routes
from autoprec_dashboards.routes.live import live_routes
from autoprec_dashboards.routes.models import model_routes
from autoprec_dashboards.routes.recommend import recommend_routes
from autoprec_dashboards.routes.session import LOGIN, session_routes
from autoprec_dashboards.routes.static import static_routes
from autoprec_dashboards.routes.studies import study_routes
from autoprec_dashboards.routes.trust import trust_routes
from autoprec_service.advice.adviser import Adviser
from autoprec_service.web.access import login_at, open_paths


def dashboard(app: FastAPI, *, clock: Clock | None = None) -> None:
    """Add the pages to the service; `clock` tells the time, UTC by default."""
    assets = Assets()
    pages = Pages(assets)
    context = Context(pages=pages, census=Census(), adviser=Adviser(), now=clock or (lambda: datetime.now(UTC)))
    login_at(app, LOGIN)
    open_paths(app, "/ui/static/", "/ui/logout")

    def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, PageError)
        return pages.page(request, "refusal.html", status=error.status, title=error.title, detail=error.detail)

    app.add_exception_handler(PageError, refuse)
    app.include_router(static_routes(assets))
    app.include_router(session_routes(app, context))
    for routes in (
        fleet_routes,
        model_routes,
        study_routes,
        live_routes,
        recommend_routes,
        compare_routes,
        trust_routes,
    ):
        app.include_router(routes(context))
    app.include_router(_missing())


def _missing() -> APIRouter:
    """Return the route of every other address below /ui/."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/ui/{path:path}")
    def missing(path: str) -> Response:
        raise PageError("No such page", f"There is nothing at /ui/{path}.")

    return routes
