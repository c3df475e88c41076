"""The models, and one of them."""

from typing import cast, get_args

from fastapi import APIRouter, Request
from starlette.responses import Response

from autoprec_dashboards.context import READS, Context, TenantStore, Text, chosen
from autoprec_dashboards.errors import PageError
from autoprec_dashboards.pages.heat_map import SHOWN, Shown, heat_map
from autoprec_dashboards.pages.status import badge
from autoprec_dashboards.paging import page_of
from autoprec_runner.trial import Mode
from autoprec_service.store import Store

_MODES = get_args(Mode)
_PAGE, _STUDIES, _OUTCOMES = 50, 20, 6000


def model_routes(context: Context) -> APIRouter:
    """Return the routes of the models."""
    routes = APIRouter(include_in_schema=False, dependencies=[READS])

    @routes.get("/ui/models")
    def models(request: Request, store: TenantStore, q: Text = "", after: Text = "") -> Response:
        found = page_of(
            lambda limit, after: store.models(search=q or None, limit=limit, after=after),
            lambda each: each.fingerprint,
            size=_PAGE,
            after=after,
        )
        return context.pages.page(request, "models.html", models=found, search=q, after=after, counts=store.counts())

    @routes.get("/ui/models/{fingerprint}")
    def model(
        request: Request, store: TenantStore, fingerprint: str, *, show: Text = "", mode: Text = "", after: Text = ""
    ) -> Response:
        shown = cast("Shown", chosen("show", show, SHOWN))
        of_mode = cast("Mode", chosen("mode", mode, _modes(store, fingerprint)))
        outcomes = store.outcomes(model_fingerprint=fingerprint, mode=of_mode, limit=_OUTCOMES)
        studies = page_of(
            lambda limit, after: store.studies(
                model_fingerprint=fingerprint, newest_first=True, limit=limit, after=after
            ),
            lambda each: each.id,
            size=_STUDIES,
            after=after,
        )
        description = store.description(fingerprint)
        if not outcomes and not studies.rows and description is None and not after:
            raise PageError("No such model", f"Nothing is known of a model {fingerprint!r}.")
        latest = next(iter(studies.rows), None)
        return context.pages.page(
            request,
            "model.html",
            fingerprint=fingerprint,
            name=description.name if description else latest.workload.partition(": ")[0] if latest else fingerprint,
            about=latest.workload.partition(": ")[2] if latest else "",
            description=description,
            heat=heat_map(outcomes, shown),
            shown=shown,
            choices=SHOWN,
            mode=of_mode,
            modes=_MODES,
            studies=studies,
            badge=badge,
            after=after,
        )

    return routes


def _modes(store: Store, fingerprint: str) -> tuple[str, ...]:
    """Return the modes, first the one that the latest study of a model has."""
    latest = store.studies(model_fingerprint=fingerprint, newest_first=True, limit=1)
    return tuple(sorted(_MODES, key=lambda each: not latest or each != latest[0].mode))
