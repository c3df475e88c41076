"""What several routes take, and who they serve."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from starlette.types import Lifespan

from autoprec_service.access import Access, Principal
from autoprec_service.store import Store
from autoprec_service.web.access import access_of, require, store_of
from autoprec_service.web.metrics import Metrics
from autoprec_service.web.problem import problems
from autoprec_service.web.strict import StrictRoute

LONGEST_PAGE = 1000
LONGEST_BATCH = 1000
"""Records that one request adds at most."""
_LONGEST_TEXT = 256

Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="How many records a page holds.")]
After = Annotated[
    str | None,
    Query(max_length=_LONGEST_TEXT, description="The last record of the page before: its id, name or key."),
]
Filter = Annotated[str | None, Query(max_length=_LONGEST_TEXT)]
Search = Annotated[
    str | None, Query(max_length=_LONGEST_TEXT, description="Only those whose name or key contains this.")
]
Identifier = Annotated[str, Path(min_length=1, max_length=_LONGEST_TEXT)]


async def _store(request: Request) -> Store:
    return store_of(request)


async def _access(request: Request) -> Access:
    return access_of(request)


async def _metrics(request: Request) -> Metrics:
    found: Metrics = request.app.state.metrics
    return found


# Asynchronous, though nothing is waited for: FastAPI would start a thread for each of them.
TenantStore = Annotated[Store, Depends(_store)]
Accesses = Annotated[Access, Depends(_access)]
Counted = Annotated[Metrics, Depends(_metrics)]
Reader = Annotated[Principal, Depends(require("read"))]
Reporter = Annotated[Principal, Depends(require("report"))]
Admin = Annotated[Principal, Depends(require("admin"))]


def routes(tag: str, lifespan: Lifespan[FastAPI] | None = None) -> APIRouter:
    """Return a router whose routes ask for a token and read JSON strictly; `lifespan` runs within the application's."""
    common = problems(401, 403, 404, 422, 429, 500, 503)
    return APIRouter(tags=[tag], route_class=StrictRoute, responses=common, lifespan=lifespan)
