"""Whether advice can be trusted."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from autoprec_dashboards.context import READS, Context, TenantStore, Text, chosen
from autoprec_dashboards.figures import calibration
from autoprec_dashboards.figures.calibration import Bin
from autoprec_dashboards.pages.figures import Panel
from autoprec_dashboards.pages.trust import Place, stale_rows, trust_view
from autoprec_dashboards.reading import latest_outcomes
from autoprec_service.advice.calibration import Calibration
from autoprec_service.asked import AskedRecommendation
from autoprec_service.outcome import Outcome
from autoprec_service.store import Store

_ANSWERS, _PLACES, _HARDWARE, _STUDIES, _OUTCOMES = 200, 100, 25, 5, 200
"""How much is read: the latest answers, the places they were about, and the hardware whose evidence may be stale."""


def trust_routes(context: Context) -> APIRouter:
    """Return the route of what became of answers."""
    routes = APIRouter(include_in_schema=False, dependencies=[READS])

    @routes.get("/ui/trust")
    def trust(request: Request, store: TenantStore, leave: Text = "") -> Response:
        leaves_out = chosen("leave", leave, ("", "one-out")) == "one-out"
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
            left_out=_left_out(context.adviser.calibration(store, context.now())) if leaves_out else None,
            most=_ANSWERS,
        )

    return routes


def _left_out(found: Calibration) -> Panel:
    """Return how answers from near models do about models that they do not know."""
    bins = [
        Bin(confidence=each.stated, answers=each.n, confirmed=round(each.confirmed * each.n)) for each in found.bins
    ]
    told = f"{found.n} answers about {found.models} models, each asked about as if it had never been measured"
    brier = "" if found.brier_score is None else f"; mean squared error {found.brier_score:.2f}, a coin has 0.25"
    return Panel(id="left-out", title="Leaving each model out", caption=f"{told}{brier}.", figure=calibration(bins))


def _outcomes(store: Store, asked: list[AskedRecommendation]) -> dict[Place, list[Outcome]]:
    """Return what was measured where answers were about one model and one hardware, the latest of them first."""
    places = dict.fromkeys((each.model_fingerprint, each.hardware_key) for each in asked)
    known = [(model, key) for model, key in places if model and key][:_PLACES]
    return {
        (model, key): store.outcomes(model_fingerprint=model, hardware_key=key, limit=_OUTCOMES) for model, key in known
    }
