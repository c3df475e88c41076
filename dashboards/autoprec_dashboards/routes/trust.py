"""Whether advice can be trusted."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from autoprec_dashboards.context import READS, Context, TenantStore
from autoprec_dashboards.figures import calibration
from autoprec_dashboards.pages.figures import Panel
from autoprec_dashboards.pages.trust import Place, stale_rows, trust_view
from autoprec_dashboards.reading import latest_outcomes
from autoprec_service.asked import AskedRecommendation
from autoprec_service.outcome import Outcome
from autoprec_service.store import Store

_ANSWERS, _PLACES, _HARDWARE, _STUDIES, _OUTCOMES = 200, 100, 25, 10, 200
"""How much is read: the latest answers, the places they were about, and the hardware whose evidence may be stale."""


def trust_routes(context: Context) -> APIRouter:
    """Return the route of what became of answers."""
    routes = APIRouter(include_in_schema=False, dependencies=[READS])

    @routes.get("/ui/trust")
    def trust(request: Request, store: TenantStore) -> Response:
        asked = store.recommendations(newest_first=True, limit=_ANSWERS)
        view = trust_view(asked, _outcomes(store, asked))
        hardware = [each.key for each in store.hardware(limit=_HARDWARE) if each.trials]
        panel = Panel(
            id="calibration",
            title="Calibration",
            caption="Answers by stated confidence, against how many of them later trials confirmed.",
            figure=calibration(view.bins),
        )
        return context.pages.page(
            request,
            "trust.html",
            view=view,
            stale=stale_rows({key: latest_outcomes(store, hardware_key=key, studies=_STUDIES) for key in hardware}),
            panel=panel if view.bins else None,
            most=_ANSWERS,
        )

    return routes


def _outcomes(store: Store, asked: list[AskedRecommendation]) -> dict[Place, list[Outcome]]:
    """Return what was measured where answers were about one model and one hardware, the latest of them first."""
    places = dict.fromkeys((each.model_fingerprint, each.hardware_key) for each in asked)
    known = [(model, key) for model, key in places if model and key][:_PLACES]
    return {
        (model, key): store.outcomes(model_fingerprint=model, hardware_key=key, limit=_OUTCOMES) for model, key in known
    }
