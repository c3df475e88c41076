"""Traces, where OpenTelemetry is installed and its own variables (`OTEL_*`) say where to."""

import logging
import os
from importlib.util import find_spec

from fastapi import FastAPI

_WANTED = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http", "opentelemetry.instrumentation.fastapi")
_log = logging.getLogger("autoprec.tracing")


def trace(app: FastAPI) -> None:
    """Send a span for each request to where the environment says; without such a word nothing is loaded."""
    if not _wanted():
        return
    missing = [each for each in _PACKAGES if not _installed(each)]
    if missing:
        _log.warning("No traces: %s is missing. pip install 'autoprec[opentelemetry]'", ", ".join(missing))
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (an extra)
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415 (as above)
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415 (as above)
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 (as above)
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 (as above)

    named = {} if _is_named() else {SERVICE_NAME: "autoprec"}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, excluded_urls="healthz,readyz,metrics")
    app.state.tracer_provider = provider


def stop_tracing(app: FastAPI) -> None:
    """Send what is left."""
    provider = getattr(app.state, "tracer_provider", None)
    if provider is not None:
        provider.shutdown()


def _wanted() -> bool:
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(os.environ.get(each) for each in _WANTED)


def _is_named() -> bool:
    """Return whether the environment names the service; what is passed to `Resource.create` would go before that."""
    return "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
