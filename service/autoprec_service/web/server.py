"""The process around the application: connections, TLS, signals."""

import gc
import resource
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from autoprec_service.settings import Settings
from autoprec_service.web.logs import configure_logging
from autoprec_service.web.protocol import bounded_protocol

_FILES_FOR_OTHERS = 128
"""Descriptors that are no clients' connections: the database, logs, libraries."""
_FEWEST_CONNECTIONS = 16
_LARGEST_HEAD_BYTES = 32 * 1024
_YOUNGEST = 10_000
"""How many more objects are made than let go before the youngest are swept; Python's default is 700."""
_TURN_SECONDS = 0.0005
"""How long a thread computes while others wait: each row that a database hands over is such a wait."""


class Server(uvicorn.Server):
    """A server that lets endless answers end before it waits for the others.

    Args:
        config: Its application is a FastAPI application of ours.
        started: Called with the port once requests are answered.
    """

    def __init__(self, config: uvicorn.Config, started: Callable[[int], None] | None = None) -> None:
        super().__init__(config)
        self._told = started

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (the signature of a handler)
        """Begin to end. Unlike with uvicorn's own, the exit code is 0 once everything is finished."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say on which port."""
        await super().startup(sockets)
        _sweep_seldom()
        if self._told is not None:
            self._told(self.servers[0].sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more requests, end event streams, finish what is being answered."""
        app = self.config.app
        assert isinstance(app, FastAPI)
        app.state.stopping.set()
        await super().shutdown(sockets)


def serve(app: FastAPI, settings: Settings, *, started: Callable[[int], None] | None = None) -> None:
    """Answer requests until a signal ends it: SIGTERM and Ctrl-C let the requests finish that are being answered."""
    configure_logging(settings)
    sys.setswitchinterval(_TURN_SECONDS)
    Server(server_config(app, settings), started).run()


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return what uvicorn is told."""
    protocol = bounded_protocol(seconds=settings.request_seconds, most=_connections(settings.max_connections))
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # the journal tells more
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        h11_max_incomplete_event_size=_LARGEST_HEAD_BYTES,
    )


def _sweep_seldom() -> None:
    """Let Python look for unreachable cycles less often, and never in what is there now and stays.

    Its defaults are for programs that keep little. Where thousands of outcomes are read for one answer it sweeps the
    memory again and again, which takes a third of the time of such an answer.
    """
    gc.freeze()
    gc.set_threshold(_YOUNGEST)


def _connections(wanted: int) -> int:
    """Return how many connections fit beside the other files that the process may open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return wanted
    return max(_FEWEST_CONNECTIONS, min(wanted, files - _FILES_FOR_OTHERS))
