"""The machines, and one of them."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from autoprec_dashboards.census import MOST
from autoprec_dashboards.context import READS, Context, TenantStore, Text, chosen
from autoprec_dashboards.errors import PageError
from autoprec_dashboards.pages.fleet import Asked, fleet_view, node_row
from autoprec_dashboards.pages.node import node_view
from autoprec_dashboards.pages.waste import Place, waste_view
from autoprec_service.outcome import Outcome
from autoprec_service.store import Store
from autoprec_service.web.access import principal_of
from autoprec_service.web.node_state import NODE_STATES

_RUNS, _PLACES, _OUTCOMES = 500, 60, 200
"""How many runs, places of theirs, and outcomes of each place are read for the hours lost."""


def fleet_routes(context: Context) -> APIRouter:
    """Return the routes of the machines."""
    routes = APIRouter(include_in_schema=False, dependencies=[READS])

    @routes.get("/")
    def fleet(
        request: Request,
        store: TenantStore,
        *,
        q: Text = "",
        state: Text = "",
        architecture: Text = "",
        after: Text = "",
    ) -> Response:
        asked = Asked(
            search=q, state=chosen("state", state, ("", *NODE_STATES)), architecture=architecture, after=after
        )
        principal = principal_of(request)
        assert principal is not None, "a stranger does not get here"
        rows = context.census.of(store, principal.tenant, context.now())
        runs = store.runs(newest_first=True, limit=_RUNS)
        return context.pages.page(
            request,
            "fleet.html",
            view=fleet_view(rows, asked),
            asked=asked,
            waste=waste_view(runs, _outcomes(store, {(each.model_fingerprint, each.hardware_key) for each in runs})),
            counts=store.counts(),
            states=NODE_STATES,
            is_cut=len(rows) >= MOST,
        )

    @routes.get("/ui/nodes/{name}")
    def node(request: Request, store: TenantStore, name: str) -> Response:
        found = store.node(name)
        if found is None:
            raise PageError("No such machine", f"No agent has reported a machine {name!r}.")
        now = context.now()
        return context.pages.page(request, "node.html", view=node_view(found, node_row(found, now)))

    return routes


def _outcomes(store: Store, places: set[Place]) -> dict[Place, list[Outcome]]:
    """Return what was measured where runs report."""
    known = sorted((each for each in places if each[0] is not None), key=str)[:_PLACES]
    return {
        (model, hardware): store.outcomes(model_fingerprint=model, hardware_key=hardware, limit=_OUTCOMES)
        for model, hardware in known
    }
