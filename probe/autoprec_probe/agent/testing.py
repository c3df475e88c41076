"""Time, a service and a wait made of values, for tests of the agent here and elsewhere."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from autoprec_probe.agent.report import ReportBatch
from autoprec_probe.agent.transport import AwayError, Reply

STARTED_AT = datetime(2025, 1, 1, 12, tzinfo=UTC)


class FakeClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._jumped = 0.0

    def now(self) -> datetime:
        """Return the time of day in UTC."""
        return STARTED_AT + timedelta(seconds=self._passed + self._jumped)

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self._passed

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds

    def jump_seconds(self, seconds: float) -> None:
        """Set the time of day forwards or backwards, without any passing."""
        self._jumped += seconds


class FakeService:
    """A transport to a service that keeps what it is sent; `answer` may give other replies, or raise `AwayError`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.kept: dict[str, Any] = {}
        self.answer: Callable[[ReportBatch], Reply | None] = lambda _: None

    def put(self, body: bytes) -> Reply:
        """Keep a batch and return a receipt."""
        self.bodies.append(body)
        batch = ReportBatch.model_validate_json(body)
        reply = self.answer(batch)
        if reply is not None:
            return reply
        fresh = {each.id: each for each in batch.reports if each.id not in self.kept}
        self.kept |= fresh
        receipt = f'{{"stored": {len(fresh)}, "known": {len(batch.reports) - len(fresh)}}}'
        return Reply(status=200, body=receipt.encode())

    def go_away(self) -> None:
        """Answer no more."""
        self.answer = _away

    def come_back(self) -> None:
        """Answer again."""
        self.answer = lambda _: None


class FakeWaiter:
    """Waits by letting a clock pass, and stops after some waits; `between` is called at each."""

    def __init__(self, clock: FakeClock, *, waits: int, between: Callable[[int], None] = lambda _: None) -> None:
        self._clock = clock
        self._waits = waits
        self._between = between
        self.waited: list[float] = []

    @property
    def stopped(self) -> bool:
        """Whether all waits are over."""
        return len(self.waited) >= self._waits

    def wait(self, seconds: float) -> None:
        """Let this time pass."""
        self._clock.pass_seconds(seconds)
        self.waited.append(seconds)
        self._between(len(self.waited))


def _away(_: ReportBatch) -> Reply | None:
    raise AwayError("Connection refused")
