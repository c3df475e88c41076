"""Whether the service is there, can work, and how it is doing."""

from typing import Literal

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from autoprec_service.store.failures import reported
from autoprec_service.store.schema import HEAD, revision
from autoprec_service.web.access import access_of, require_operator
from autoprec_service.web.parameters import routes
from autoprec_service.web.problem import problems


class Health(BaseModel):
    """That the service answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """That the service can work."""

    status: Literal["ready"] = "ready"
    revision: str
    """Of the tables of the store."""


def health_routes() -> APIRouter:
    """Return the routes that probes and Prometheus ask."""
    found = APIRouter(tags=["operations"])

    @found.get("/healthz", operation_id="getHealth")
    async def health() -> Health:
        """Tell that the service answers."""
        return Health()

    @found.get("/readyz", operation_id="getReadiness", responses=problems(503))
    def readiness(request: Request) -> Readiness:
        """Tell whether the database answers and its tables are those of this version."""
        if request.app.state.stopping.is_set():
            raise HTTPException(503, "The service is ending. Ask another one.")
        access = access_of(request)
        with reported(access.tokens.where, "read"), access.engine.connect() as connection:
            stored = revision(connection)
        if stored != HEAD:
            raise HTTPException(503, f"The tables have revision {stored!r} and this version needs {HEAD!r}.")
        return Readiness(revision=HEAD)

    return found


def metric_routes(*, open_to_all: bool) -> APIRouter:
    """Return the route that Prometheus scrapes."""
    found = routes("operations")
    guards = [] if open_to_all else [Depends(require_operator)]

    @found.get(
        "/metrics",
        operation_id="getMetrics",
        dependencies=guards,
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics(request: Request) -> Response:
        """Tell the numbers of this process and of the whole store, in Prometheus' text format."""
        text = await run_in_threadpool(generate_latest, request.app.state.metrics.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return found
