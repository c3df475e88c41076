"""One study, one trial, and their records."""

from io import StringIO

from fastapi import APIRouter, Request
from starlette.responses import Response

from autoprec_dashboards.content_policy import HEADERS
from autoprec_dashboards.context import READS, Context, TenantStore
from autoprec_dashboards.errors import PageError
from autoprec_dashboards.pages.status import badge
from autoprec_dashboards.pages.study import study_view
from autoprec_dashboards.rendering import record
from autoprec_runner.study import Study
from autoprec_service.exchange import export_jsonl
from autoprec_service.store import Store

MOST_TRIALS = 500
"""Of one study on one page; a study has tens."""


def study_routes(context: Context) -> APIRouter:
    """Return the routes of studies and trials."""
    routes = APIRouter(include_in_schema=False, dependencies=[READS])

    @routes.get("/ui/studies/{study_id}")
    def study(request: Request, store: TenantStore, study_id: str) -> Response:
        found = _study(store, study_id)
        trials = store.trials(study_id=study_id, limit=MOST_TRIALS)
        return context.pages.page(request, "study.html", view=study_view(found, trials, context.now()))

    @routes.get("/ui/studies/{study_id}/record.jsonl")
    def raw(store: TenantStore, study_id: str) -> Response:
        _study(store, study_id)
        lines = StringIO()
        export_jsonl(store, lines, study_id=study_id)
        return Response(
            lines.getvalue(), media_type="application/jsonl", headers={**HEADERS, "Cache-Control": "no-store"}
        )

    @routes.get("/ui/trials/{trial_id}")
    def trial(request: Request, store: TenantStore, trial_id: str) -> Response:
        found = store.trial(trial_id)
        if found is None:
            raise PageError("No such trial", f"There is no trial with the id {trial_id!r}.")
        raw = record(found.model_dump(mode="json"))
        return context.pages.page(request, "trial.html", trial=found, badge=badge(found.status), raw=raw)

    return routes


def _study(store: Store, study_id: str) -> Study:
    found = store.study(study_id)
    if found is None:
        raise PageError("No such study", f"There is no study with the id {study_id!r}.")
    return found
