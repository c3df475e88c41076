"""What Prometheus is told of this process: requests, what was stored and advised, and the state of the store."""

import time
from importlib import metadata

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoprec_runner.trial import Trial
from autoprec_service.recommendation import Recommendation

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SHARES = tuple(each / 10 for each in range(1, 11))
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ROUTE = "none"


def version() -> str:
    """Return the version of autoprec that is installed."""
    try:
        return metadata.version("autoprec")
    except metadata.PackageNotFoundError:
        return "unknown"


class Metrics:
    """The numbers of one application, in a registry of their own. `registry` is where more can be added."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = self._counter("http_requests", "Requests answered.", "method", "route", "status")
        self.durations = self._histogram(
            "http_request_duration_seconds",
            "From the head of a request to the end of its answer.",
            "method",
            "route",
            buckets=_SECONDS,
        )
        self.trials = self._counter("trials_ingested", "Trials that were new.", "status")
        self.recommendations = self._counter("recommendations", "Answers of POST /recommend.", "basis")
        self.confidence = self._histogram(
            "recommendation_confidence", "Confidence of the answers of POST /recommend.", "basis", buckets=_SHARES
        )
        self.reports = self._counter("agent_reports", "Reports of agents that were new.")
        self.rate_limited = self._counter("rate_limited", "Requests refused because their client sent too many.")
        self.unauthorized = self._counter("unauthorized", "Requests refused because they showed no good token.")
        build = Info("autoprec_build", "The version that runs.", registry=self.registry)
        build.info({"version": version()})

    def count_trials(self, trials: list[Trial]) -> None:
        """Count trials that were stored."""
        for trial in trials:
            self.trials.labels(trial.status).inc()

    def count_recommendation(self, answer: Recommendation) -> None:
        """Count an answer by what it rests on, `none` where it names no precision."""
        basis = (answer.basis or "none") if answer.precision is not None else "none"
        self.recommendations.labels(basis).inc()
        self.confidence.labels(basis).observe(answer.confidence)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"autoprec_{name}", told, labels, registry=self.registry)

    def _histogram(self, name: str, told: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"autoprec_{name}", told, labels, registry=self.registry, buckets=buckets)


class Measured:
    """Counts requests and their durations by route, as the route is written and not as it was asked for.

    Args:
        app: The application behind.
        metrics: Where they are counted.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count it when it has been answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = 0, time.perf_counter()

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path", _NO_ROUTE)
            self._metrics.requests.labels(method, route, status or "aborted").inc()
            self._metrics.durations.labels(method, route).observe(time.perf_counter() - begun)
