"""The parent's side of the fork server: start children, watch them, end them."""

import atexit
import contextlib
import json
import os
import secrets
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autoprec_runner.errors import TrialError
from autoprec_runner.isolation.neighbours import busy_cores, waiting_policy
from autoprec_runner.isolation.server import MESSAGE_BYTES

_KIND = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_STREAM

_MODULES_A_REQUEST = 400


class ForkServerGoneError(TrialError):
    """The fork server has ended, and its children with it."""


class ForkServer:
    """A connection to one fork server process. Thread safe: one request is under way at a time."""

    folder: Path
    """A place for temporary files, made by the server, which removes it when it ends, even if our process is killed."""

    waiting: dict[str, str]
    """What the environment of trials was given because of other programs on the same cores."""

    def __init__(self) -> None:
        if not hasattr(os, "fork"):
            raise TrialError(
                f"Trials run in forked child processes, which {sys.platform} does not have. Use Linux or macOS "
                "(on Windows: WSL2).",
            )
        self.folder = Path(tempfile.gettempdir(), f"autoprec-{secrets.token_hex(8)}").absolute()
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._number = 0
        self.waiting = waiting_policy(os.environ, busy_cores())
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, _KIND)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 (our own module, our own interpreter)
                [sys.executable, "-m", "autoprec_runner.isolation.server", str(theirs.fileno()), str(self.folder)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **self.waiting},
            )
        self._ready = False

    @property
    def alive(self) -> bool:
        """Whether the server can still be asked, by the process that started it: a fork of it must not."""
        return self._owner == os.getpid() and self._process.poll() is None and self._socket.fileno() >= 0

    def is_ready_within(self, seconds: float) -> bool:
        """Wait until the server has loaded torch, at most so long; return whether it has.

        Raises:
            TrialError: The server cannot start.
        """
        with self._lock:
            if not self._ready and not select.select([self._socket], [], [], seconds)[0]:
                return False
            self._wait_until_ready()
            return True

    def preload(self, modules: Sequence[str]) -> None:
        """Import modules once for all children to come; see to it that they start nothing that no fork survives."""
        with self._lock:
            self._wait_until_ready()
            for first in range(0, len(modules), _MODULES_A_REQUEST):
                self._ask({"op": "preload", "modules": modules[first : first + _MODULES_A_REQUEST]})

    def start(self, main: str, arguments: dict[str, Any], *, connection: int, output: int) -> int:
        """Fork a child that runs `main` ("module:function") with a connection and JSON arguments; return its pid."""
        request = {"op": "start", "main": main, "arguments": arguments}
        with self._lock:
            self._wait_until_ready()
            return int(self._ask(request, [connection, output])["pid"])

    def ended(self, pid: int) -> bool:
        """Return whether a child has ended; it stays known until it is killed."""
        with self._lock:
            return bool(self._ask({"op": "poll", "pid": pid})["ended"])

    def kill(self, pid: int) -> int:
        """Kill a child and everything that it started; return its exit code, negative for a signal as in subprocess."""
        with self._lock:
            return int(self._ask({"op": "kill", "pid": pid})["exit_code"])

    def close(self) -> None:
        """End the server and every child; in a fork of our process, only let go of it. Closing twice does nothing."""
        with contextlib.suppress(OSError):
            self._socket.close()
        if self._owner != os.getpid():
            return
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)  # in case that it was killed

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        try:
            greeting = self._receive()
        except ForkServerGoneError as error:
            code = self._process.wait()
            raise ForkServerGoneError(f"The fork server ended before it was ready (exit code {code}).") from error
        if "error" in greeting:
            remedy = " Install it with: pip install torch" if greeting["module"] == "torch" else ""
            raise TrialError(f"The process that runs trials could not start: {greeting['error']}.{remedy}")
        self._ready = True

    def _ask(self, request: dict[str, Any], descriptors: list[int] | None = None) -> dict[str, Any]:
        self._number += 1
        message = json.dumps({**request, "number": self._number}).encode()
        if len(message) > MESSAGE_BYTES:
            raise TrialError(f"A request of {len(message)} bytes is too long; is sys.path too long?")
        self._send(message, descriptors or [])
        unclaimed = []
        while (answer := self._receive())["number"] != self._number:
            # Ctrl-C came before the answer to an earlier request was read.
            unclaimed.append(answer)
        for pid in [each["pid"] for each in unclaimed if "pid" in each]:
            self._ask({"op": "kill", "pid": pid})
        if "error" in answer:
            raise TrialError(f"The fork server could not {answer['error']}.")
        return answer

    def _send(self, message: bytes, descriptors: list[int]) -> None:
        try:
            socket.send_fds(self._socket, [message], descriptors)
        except OSError as error:
            raise ForkServerGoneError(f"The fork server is gone: {error}.") from error

    def _receive(self) -> dict[str, Any]:
        try:
            answer = self._socket.recv(MESSAGE_BYTES)
        except OSError as error:
            raise ForkServerGoneError(f"The fork server is gone: {error}.") from error
        if not answer:
            raise ForkServerGoneError("The fork server is gone.")
        return dict(json.loads(answer))


_shared: ForkServer | None = None


def shared_forkserver() -> ForkServer:
    """Return this process's fork server, started at the first call: importing torch is paid once, in the background."""
    global _shared  # noqa: PLW0603 (one server a process, like multiprocessing's)
    if _shared is None or not _shared.alive:
        _close_shared()
        _shared = ForkServer()
    return _shared


@atexit.register
def _close_shared() -> None:
    if _shared is not None:
        _shared.close()
