"""What is being studied now."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from autoprec_dashboards.context import READS, Context, TenantStore
from autoprec_dashboards.pages.live import LiveView, live_study
from autoprec_dashboards.pages.status import badge
from autoprec_dashboards.routes.studies import MOST_TRIALS

_RUNNING, _ENDED = 12, 10


def live_routes(context: Context) -> APIRouter:
    """Return the route of running studies."""
    routes = APIRouter(include_in_schema=False, dependencies=[READS])

    @routes.get("/ui/live")
    def live(request: Request, store: TenantStore) -> Response:
        running = store.studies(status="running", newest_first=True, limit=_RUNNING + 1)
        latest = store.studies(newest_first=True, limit=_RUNNING + _ENDED)
        now = context.now()
        view = LiveView(
            running=tuple(
                live_study(each, store.trials(study_id=each.id, limit=MOST_TRIALS), now) for each in running[:_RUNNING]
            ),
            more=len(running) > _RUNNING,
            ended=tuple(each for each in latest if each.status != "running")[:_ENDED],
        )
        return context.pages.page(request, "live.html", view=view, badge=badge)

    return routes
