"""How often a service is asked, and how long is waited in between."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from autoprec.client.errors import UnreachableError
from autoprec.client.reading import told

PASSING = frozenset({408, 425, 429, 502, 503, 504})
"""The statuses by which a service, or a proxy before it, says that it may well answer later."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a caller bears with a service that does not answer.

    Before each further attempt a random share, at least half, of a pause is waited that doubles each time, so that many
    clients do not come back in the same moment; or longer, where the service says how long (`Retry-After`).
    """

    retries: int = 4
    """Attempts after the first one."""
    first_pause_seconds: float = 0.25
    longest_pause_seconds: float = 8.0
    longest_wish_seconds: float = 60.0
    """The longest `Retry-After` that is waited for; beyond it the caller is told instead."""


class Attempts:
    """The attempts at one call. It is told of each that failed, and says how long to wait, or that it is enough."""

    def __init__(self, where: str, patience: Patience, chance: Callable[[], float] = random.random) -> None:
        self._where = where
        self._patience = patience
        self._chance = chance
        self._failed = 0

    def after_error(self, error: httpx.RequestError) -> float:
        """Return the seconds to wait after an attempt that brought no response.

        Raises:
            UnreachableError: There were enough attempts.
        """
        return self._pause(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, 0.0)

    def after_response(self, response: httpx.Response) -> float:
        """Return the seconds to wait after a response that asks to come back later.

        Raises:
            UnreachableError: There were enough attempts, or the service wants to be left alone for too long.
        """
        wish = _wish(response)
        reason = told(response)
        if wish > self._patience.longest_wish_seconds:
            raise self._enough(f"{reason}; it asks to be left alone for {wish:.0f} s")
        return self._pause(reason, wish)

    def _pause(self, reason: str, wish: float) -> float:
        patience = self._patience
        if self._failed >= patience.retries:
            raise self._enough(reason)
        pause = min(patience.longest_pause_seconds, patience.first_pause_seconds * 2.0**self._failed)
        self._failed += 1
        return max(wish, pause * (1 + self._chance()) / 2)

    def _enough(self, reason: str) -> UnreachableError:
        times = "once" if self._failed == 0 else f"{self._failed + 1} times"
        return UnreachableError(
            f"The service at {self._where} was asked {times} and did not answer ({reason}). "
            "Check that it runs and that the URL is right, or ask again later.",
        )


def _wish(response: httpx.Response) -> float:
    """Return the seconds of a Retry-After header; its other form, a date, needs clocks that agree and is left out."""
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdecimal() else 0.0
