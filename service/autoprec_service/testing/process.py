"""A service in a process of its own, to be killed."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_PROGRAM = """
import sys
from autoprec_service.settings import load_settings
from autoprec_service.web.app import create_app
from autoprec_service.web.server import serve

settings = load_settings(db=sys.argv[1], port=int(sys.argv[2]), log_level="warning")
serve(create_app(settings), settings, started=lambda port: print(port, flush=True))
"""


class ServiceProcess:
    """A real service on loopback over the store at a path. It comes back at the port that it had first."""

    def __init__(self, store: Path | str, *, tokens: Sequence[str] = (), **settings: str | float) -> None:
        """Start it; `settings` are fields of `Settings`."""
        self._store = store
        told = {**settings, "tokens": ",".join(tokens)}
        self._environment = {f"AUTOPREC_{name.upper()}": str(value) for name, value in told.items()}
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-c", _PROGRAM, str(self._store), str(self._port)]
        environment = os.environ | self._environment
        self._process = subprocess.Popen(  # noqa: S603 (ourselves)
            command, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The service ended with exit code {self._process.wait()} before it answered.")
        self._port = int(line)

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, "the service does not run"
        return self._process.pid

    def ask_to_end(self) -> None:
        """Send SIGTERM and go on."""
        assert self._process is not None, "the service does not run"
        self._process.terminate()

    def terminate(self) -> int:
        """Ask it to end, wait until it has, and return its exit code."""
        assert self._process is not None, "the service does not run"
        with self._process as process:
            process.terminate()
        self._process = None
        return process.returncode

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
