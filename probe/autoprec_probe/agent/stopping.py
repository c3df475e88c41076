"""How the agent waits, and how it learns that it shall stop."""

import os
import select
import signal
from types import FrameType
from typing import Protocol, Self

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Waiter(Protocol):
    """Waits between two steps of the agent."""

    @property
    def stopped(self) -> bool:
        """Whether the agent shall stop."""

    def wait(self, seconds: float) -> None:
        """Return after this time, or at once when the agent shall stop."""


class SignalWaiter:
    """Stops at SIGTERM and SIGINT; a second one of the same kind ends the process at once.

    The handler writes to a pipe, on which `wait` sleeps: unlike a lock, that is safe inside a signal handler.
    """

    def __init__(self) -> None:
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether a signal has come."""
        return self._stopped

    def wait(self, seconds: float) -> None:
        """Return after this time, or at once when a signal comes."""
        select.select([self._reader], [], [], max(0.0, seconds))

    def __enter__(self) -> Self:
        """Listen to the signals."""
        self._reader, self._writer = os.pipe()
        self._before = {each: signal.signal(each, self._stop) for each in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        """Let the signals do again what they did before."""
        for each, handler in self._before.items():
            signal.signal(each, handler)
        os.close(self._reader)
        os.close(self._writer)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopped = True
        signal.signal(number, signal.SIG_DFL)
        os.write(self._writer, b"\0")
