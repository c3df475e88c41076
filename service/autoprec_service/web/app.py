"""The FastAPI application. Nothing that a client sends is ever imported, unpickled or executed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from autoprec_probe.agent.report import LARGEST_BODY_BYTES
from autoprec_service.access.doorkeeper import Doorkeeper
from autoprec_service.access.exposure import check_exposure
from autoprec_service.access.opening import open_access
from autoprec_service.settings import Settings
from autoprec_service.store import open_store
from autoprec_service.web.access import ALWAYS_OPEN, Authentication, Gate, open_paths
from autoprec_service.web.events import Feeds, event_routes
from autoprec_service.web.failures import tell_failures
from autoprec_service.web.headers import SecurityHeaders
from autoprec_service.web.health import health_routes, metric_routes
from autoprec_service.web.journal import Journal, Unexpected
from autoprec_service.web.limits import BodyLimit
from autoprec_service.web.metrics import Measured, Metrics, version
from autoprec_service.web.models import hardware_routes, model_routes, outcome_routes
from autoprec_service.web.nodes import node_routes
from autoprec_service.web.openapi import DESCRIPTION, TAGS, describe
from autoprec_service.web.purity import NoNul
from autoprec_service.web.rate import RateLimit
from autoprec_service.web.recommend import recommend_routes
from autoprec_service.web.runs import run_routes
from autoprec_service.web.store_metrics import StoreCollector
from autoprec_service.web.studies import study_routes
from autoprec_service.web.tokens import token_routes
from autoprec_service.web.tracing import stop_tracing, trace
from autoprec_service.web.trials import trial_routes

Extension = Callable[[FastAPI], None]


def create_app(settings: Settings, *, extensions: Sequence[Extension] = ()) -> FastAPI:
    """Return the application. It opens its store when it starts and closes it when it ends.

    An extension gets the application before it starts and adds routes to it, such as a dashboard's. They are closed to
    strangers unless `open_paths` or `login_at` of `autoprec_service.web.access` opens them.

    Raises:
        SettingsError: A token that the settings name cannot be read.
    """
    app = FastAPI(
        title="autoprec",
        summary="Which precision, with proof.",
        description=DESCRIPTION,
        version=version(),
        openapi_tags=TAGS,
        docs_url=None,  # its pages would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(settings),
    )
    app.state.settings = settings
    app.state.metrics = Metrics()
    app.state.open_paths = ALWAYS_OPEN
    app.state.login_path = None
    if settings.open_metrics:
        open_paths(app, "/metrics")
    tell_failures(app)
    _add_middleware(app, settings)
    _add_routes(app, settings)
    for extend in extensions:
        extend(app)
    describe(app)
    trace(app)
    return app


def _lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        app.state.stopping = asyncio.Event()
        app.state.feeds = Feeds(app.state.stopping)
        with await run_in_threadpool(open_store, settings.db) as store, open_access(settings.db) as access:
            await run_in_threadpool(check_exposure, settings, access.tokens)
            app.state.store = store
            app.state.access = access
            app.state.doorkeeper = Doorkeeper(access.tokens, settings)
            collector = StoreCollector(store, access.tokens)
            app.state.metrics.registry.register(collector)
            try:
                yield
            finally:
                app.state.stopping.set()
                app.state.metrics.registry.unregister(collector)
                stop_tracing(app)

    return running


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add what every request passes through, the innermost first."""
    metrics: Metrics = app.state.metrics
    app.add_middleware(Unexpected)
    app.add_middleware(BodyLimit, largest=settings.max_body_bytes, limits={"/nodes/": LARGEST_BODY_BYTES})
    app.add_middleware(Gate, owner=app)
    if settings.rate_limit_per_minute:
        app.add_middleware(RateLimit, per_minute=settings.rate_limit_per_minute, metrics=metrics, exempt=ALWAYS_OPEN)
    app.add_middleware(Authentication, owner=app)
    app.add_middleware(NoNul)
    app.add_middleware(Measured, metrics=metrics)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Journal)


def _add_routes(app: FastAPI, settings: Settings) -> None:
    for router in (
        recommend_routes(),
        study_routes(),
        trial_routes(),
        outcome_routes(),
        model_routes(),
        hardware_routes(),
        node_routes(),
        run_routes(),
        event_routes(),
        token_routes(),
        health_routes(),
        metric_routes(open_to_all=settings.open_metrics),
    ):
        app.include_router(router)
