"""Training runs over HTTP: which precision is being used."""

from typing import Annotated

from fastapi import APIRouter, Body, HTTPException

from autoprec_service.run import Run
from autoprec_service.web.examples import RUN, shown
from autoprec_service.web.parameters import (
    Accesses,
    After,
    Filter,
    Identifier,
    Limit,
    Reader,
    Reporter,
    TenantStore,
    routes,
)
from autoprec_service.web.problem import problems

Reported = Annotated[Run, Body(openapi_examples=shown(RUN))]


def run_routes() -> APIRouter:
    """Return the routes of runs."""
    found = routes("runs")

    @found.put("/runs/{run_id}", operation_id="reportRun", responses=problems(400, 409, 413))
    def report(run_id: Identifier, run: Reported, store: TenantStore, who: Reporter, access: Accesses) -> Run:
        """Take what a run says of itself; what it said before is replaced."""
        if run.id != run_id:
            raise HTTPException(409, f"The run calls itself {run.id!r}: put it to the path of that id.")
        store.save_run(run)
        if run.seen_at == run.started_at:
            access.audit.note(who, "report", f"run {run_id}")
        return run

    @found.get("/runs", operation_id="listRuns")
    def runs(
        *,
        store: TenantStore,
        _: Reader,
        node: Filter = None,
        model_fingerprint: Filter = None,
        hardware_key: Filter = None,
        ended: bool | None = None,
        newest_first: bool = False,
        after: After = None,
        limit: Limit = 100,
    ) -> list[Run]:
        """List runs in the order in which they were first reported, or the other way round, one page at a time."""
        return store.runs(
            node=node,
            model_fingerprint=model_fingerprint,
            hardware_key=hardware_key,
            ended=ended,
            newest_first=newest_first,
            after=after,
            limit=limit,
        )

    return found
