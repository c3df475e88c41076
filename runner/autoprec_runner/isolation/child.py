"""One child process, asked over a pipe: every way in which it can end is an exception with a reason."""

import json
import signal
import socket
import struct
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection, Pipe
from typing import Any, Self

import psutil

from autoprec_runner.errors import TrialError
from autoprec_runner.isolation.forkserver import ForkServer, ForkServerGoneError
from autoprec_runner.isolation.output import OutputTail
from autoprec_runner.quantities import size

_LOOK_SECONDS = 0.25
_LOOK_AT_FAMILY_EVERY = 4
_GRACE_SECONDS = 0.5
_LONGEST_ANSWER_BYTES = 1 << 26
_STALL_SECONDS = 2
"""How long an answer may stop in its middle."""
_MEANING = {
    "SIGSEGV": " (a segmentation fault)",
    "SIGABRT": " (an abort)",
    "SIGFPE": " (an arithmetic fault)",
    "SIGILL": " (an instruction that this processor does not have)",
    "SIGKILL": " (most likely by the kernel's out-of-memory killer)",
}


class ChildError(TrialError):
    """The child process did not answer; it is not alive any more."""


class ChildEndedError(ChildError):
    """The child process ended without an answer."""

    def __init__(self, message: str, *, exit_code: int | None) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        """As in subprocess: negative for a signal. None if it went on running and had to be killed."""


class ChildTimeoutError(ChildError):
    """The child process did not answer in time."""


class ChildMemoryError(ChildError):
    """The child process took more memory than it may."""


class ChildProcess:
    """A forked child that answers JSON requests; use it as a context manager, which kills it with its descendants.

    It may take `memory_limit_bytes` more than it held when it was forked, its descendants included.
    """

    def __init__(
        self,
        server: ForkServer,
        main: str,
        arguments: Mapping[str, Any],
        *,
        memory_limit_bytes: int,
    ) -> None:
        self._server = server
        self._memory_limit_bytes = memory_limit_bytes
        self._exit_code: int | None = None
        self._output = OutputTail()
        ours, theirs = Pipe(duplex=True)
        _limit_stalls(ours)
        self._connection: Connection = ours
        try:
            self._pid = server.start(
                main,
                {**arguments, "memory_limit_bytes": memory_limit_bytes},
                connection=theirs.fileno(),
                output=self._output.writer,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            self._output.close_writer()
        self._baseline_bytes = self._held_bytes(family=False)

    @property
    def printed(self) -> str:
        """The end of what the child printed."""
        return self._output.text

    @property
    def closed(self) -> bool:
        """Whether the child has been ended by us."""
        return self._exit_code is not None

    def ask(self, request: Mapping[str, Any], *, timeout_seconds: float) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            ChildTimeoutError: No answer within `timeout_seconds`; the child is killed.
            ChildMemoryError: The child and its descendants hold more than they may; the child is killed.
            ChildEndedError: The child ended; the message says how.
            ForkServerGoneError: The fork server ended, and the child with it.
        """
        try:
            self._connection.send_bytes(json.dumps(request).encode())
            self._wait(time.monotonic() + timeout_seconds, timeout_seconds)
            answer = dict(json.loads(self._connection.recv_bytes(_LONGEST_ANSWER_BYTES)))
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            try:
                by_itself = self._ends_within(_GRACE_SECONDS)
            finally:
                self.close()
            raise _ended(self._exit_code if by_itself else None) from error
        except (OSError, ValueError, TypeError) as error:
            self.close()
            raise ChildEndedError("The process answered something else than JSON.", exit_code=None) from error
        except BaseException:
            self.close()
            raise
        return answer

    def close(self) -> None:
        """Kill the child with all its descendants. Closing twice does nothing."""
        if self._exit_code is None:
            try:
                self._exit_code = self._server.kill(self._pid)
            except ForkServerGoneError:
                self._exit_code = -signal.SIGKILL
            self._connection.close()
            self._output.close()

    def __enter__(self) -> Self:
        """Return the child itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the child."""
        self.close()

    def _wait(self, deadline: float, timeout_seconds: float) -> None:
        looks = 0
        while not self._connection.poll(max(0.0, min(_LOOK_SECONDS, deadline - time.monotonic()))):
            looks += 1
            self._check_memory(family=looks % _LOOK_AT_FAMILY_EVERY == 0)
            if self._connection.poll(0):
                return
            if time.monotonic() >= deadline:
                raise ChildTimeoutError(f"No answer within {timeout_seconds:.3g} s.")
            if self._server.ended(self._pid):
                # A descendant may hold the pipe open after the child itself has ended.
                raise EOFError

    def _check_memory(self, *, family: bool) -> None:
        held = self._held_bytes(family=family) - self._baseline_bytes
        if held > self._memory_limit_bytes:
            raise ChildMemoryError(f"It held {size(held)}; {size(self._memory_limit_bytes)} allowed.")

    def _held_bytes(self, *, family: bool) -> int:
        try:
            root = psutil.Process(self._pid)
            members = [root, *root.children(recursive=True)] if family else [root]
            return sum(member.memory_info().rss for member in members)
        except psutil.NoSuchProcess:
            return 0

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not (ended := self._server.ended(self._pid)) and time.monotonic() < deadline:
            time.sleep(seconds / 50)
        return ended


def _limit_stalls(connection: Connection) -> None:
    """Let no read wait for the rest of an answer that does not come: the workload may write to the connection, too."""
    end = socket.socket(fileno=connection.fileno())
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _STALL_SECONDS, 0))
    finally:
        end.detach()


def _ended(exit_code: int | None) -> ChildEndedError:
    if exit_code is None:
        message = "The process closed its connection in the middle of a step and went on running; it was killed."
    elif exit_code >= 0:
        message = f"The process ended by itself with exit code {exit_code} in the middle of a step."
    else:
        name = _signal_name(-exit_code)
        message = f"The process was ended by {name}{_MEANING.get(name, '')}."
    return ChildEndedError(message, exit_code=exit_code)


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
