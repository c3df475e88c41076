"""Traces go where OpenTelemetry's own variables say."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autoprec_service.settings import Settings
from autoprec_service.web.app import create_app


class Collector(ThreadingHTTPServer):
    """Takes what is exported."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[ExportTraceServiceRequest] = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Collector)
        self.server.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_each_request_becomes_a_span(db: str, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    with TestClient(create_app(Settings(db=db))) as client:
        client.get("/trials/one")
        client.get("/healthz")
    resources = [each for request in collector.received for each in request.resource_spans]
    spans = [span.name for each in resources for scope in each.scope_spans for span in scope.spans]
    names = {at.value.string_value for each in resources for at in each.resource.attributes if at.key == "service.name"}
    assert {"autoprec"} == names
    assert "GET /trials/{trial_id}" in spans
    assert not any("healthz" in each for each in spans)


@pytest.mark.parametrize("switch", [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_without_the_word_nothing_is_traced(
    db: str, collector: Collector, monkeypatch: pytest.MonkeyPatch, switch: dict[str, str]
) -> None:
    if switch:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    for name, value in switch.items():
        monkeypatch.setenv(name, value)
    with TestClient(create_app(Settings(db=db))) as client:
        client.get("/trials/one")
        assert not hasattr(client.app.state, "tracer_provider")  # type: ignore[attr-defined]
    assert [] == collector.received
