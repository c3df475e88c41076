"""The parent's side of the fork server: start children, watch them, end them."""

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from typing import Any

from autoprec_runner.errors import TrialError
from autoprec_runner.isolation.server import MESSAGE_BYTES

_KIND = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_STREAM


class ForkServer:
    """A connection to one fork server process. Thread safe: one request is under way at a time."""

    def __init__(self) -> None:
        if not hasattr(os, "fork"):
            raise TrialError(
                f"Trials run in forked child processes, which {sys.platform} does not have. Use Linux or macOS "
                "(on Windows: WSL2).",
            )
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, _KIND)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 (our own module, our own interpreter)
                [sys.executable, "-m", "autoprec_runner.isolation.server", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._ready = False

    @property
    def alive(self) -> bool:
        """Whether the server can still be asked."""
        return self._process.poll() is None and self._socket.fileno() >= 0

    def start(self, main: str, arguments: dict[str, Any], *, connection: int, output: int) -> int:
        """Fork a child that runs `main` ("module:function") with a connection and JSON arguments; return its pid."""
        with self._lock:
            self._wait_until_ready()
            return int(
                self._ask({"op": "start", "main": main, "arguments": arguments}, [connection, output])["pid"],
            )

    def ended(self, pid: int) -> bool:
        """Return whether a child has ended; it stays known until it is killed."""
        with self._lock:
            return bool(self._ask({"op": "poll", "pid": pid})["ended"])

    def kill(self, pid: int) -> int:
        """Kill a child and everything that it started; return its exit code, negative for a signal as in subprocess."""
        with self._lock:
            return int(self._ask({"op": "kill", "pid": pid})["exit_code"])

    def close(self) -> None:
        """End the server and every child. Closing twice does nothing."""
        with contextlib.suppress(OSError):
            self._socket.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        greeting = json.loads(self._socket.recv(MESSAGE_BYTES) or b"{}")
        if "error" in greeting:
            remedy = " Install it with: pip install torch" if greeting["module"] == "torch" else ""
            raise TrialError(f"The process that runs trials could not start: {greeting['error']}.{remedy}")
        if not greeting:
            raise TrialError(f"The fork server ended before it was ready (exit code {self._process.wait()}).")
        self._ready = True

    def _ask(self, request: dict[str, Any], descriptors: list[int] | None = None) -> dict[str, Any]:
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors or [])
            answer = self._socket.recv(MESSAGE_BYTES)
        except OSError as error:
            raise TrialError(f"The fork server is gone: {error}.") from error
        if not answer:
            raise TrialError("The fork server is gone.")
        return dict(json.loads(answer))


_shared: ForkServer | None = None


def shared_forkserver() -> ForkServer:
    """Return this process's fork server, started at the first call: importing torch is paid once, in the background."""
    global _shared  # noqa: PLW0603 (one server a process, like multiprocessing's)
    if _shared is None or not _shared.alive:
        _shared = ForkServer()
        atexit.register(_shared.close)
    return _shared
