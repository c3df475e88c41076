"""A service in a process of its own, to be killed."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_PROGRAM = """
import sys
import uvicorn
from autoprec_service.store import open_store
from autoprec_service.web.app import create_app

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)

store, port, *tokens = sys.argv[1:]
with open_store(store) as opened:
    Server(uvicorn.Config(create_app(opened, tokens=tokens), port=int(port), log_level="warning")).run()
"""


class ServiceProcess:
    """A real service on loopback over the store at a path. It comes back at the port that it had first."""

    def __init__(self, store: Path, *, tokens: Sequence[str] = ()) -> None:
        self._store = store
        self._tokens = tokens
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-c", _PROGRAM, str(self._store), str(self._port), *self._tokens]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 (ourselves)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The service ended with exit code {self._process.wait()} before it answered.")
        self._port = int(line)

    def kill(self) -> None:
        """End it as a power cut would: no handler runs."""
        if self._process is not None:
            with self._process as process:
                process.kill()
            self._process = None

    def __enter__(self) -> Self:
        """Return the running service."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Kill it."""
        self.kill()
