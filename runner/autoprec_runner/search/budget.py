"""The wall time of a study."""

import time
from collections.abc import Callable

Clock = Callable[[], float]


class BudgetOverError(Exception):
    """The study's time is up; what was measured so far stands."""


class Budget:
    """Seconds of wall time, counted from construction."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._started = clock()

    @property
    def elapsed(self) -> float:
        """Seconds spent."""
        return self._clock() - self._started

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.seconds - self.elapsed)

    def require(self) -> float:
        """Return the seconds left.

        Raises:
            BudgetOverError: None are left.
        """
        if not (left := self.remaining):
            raise BudgetOverError
        return left

    def left_until(self, share: float) -> float:
        """Return the seconds left until a share of the whole is spent."""
        return max(0.0, share * self.seconds - self.elapsed)
