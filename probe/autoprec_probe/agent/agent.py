"""The agent's day: look, report, keep what cannot be delivered, wait."""

from collections.abc import Callable
from uuid import uuid4

from autoprec_probe.agent.clock import Clock
from autoprec_probe.agent.courier import Courier
from autoprec_probe.agent.observer import Look, Observer
from autoprec_probe.agent.outbox import Outbox
from autoprec_probe.agent.report import Report
from autoprec_probe.agent.stopping import Waiter

LONGEST_LOOK_SECONDS = 15.0
"""How long a change of the profile may go unnoticed where the interval is longer."""
_JITTER = 0.1
"""By which share of the interval a report may come earlier or later, so that many agents spread."""


class Reporter:
    """Makes reports of looks: numbers them within this run of the agent."""

    def __init__(self, clock: Clock, *, interval_seconds: float, agent_version: str | None) -> None:
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._agent_version = agent_version
        self._run = uuid4().hex
        self.made = 0

    def report(self, look: Look, dropped: int = 0) -> Report:
        """Return the next report."""
        self.made += 1
        return Report(
            id=uuid4().hex,
            run=self._run,
            sequence=self.made,
            observed_at=self._clock.now(),
            interval_seconds=self._interval_seconds,
            agent_version=self._agent_version,
            profile=look.profile,
            telemetry=look.telemetry,
            error=look.error,
            dropped=dropped,
        )


class Agent:
    """Reports at an interval, and at once when the profile has changed, until `waiter` says to stop."""

    def __init__(
        self,
        observer: Observer,
        reporter: Reporter,
        outbox: Outbox,
        courier: Courier,
        clock: Clock,
        *,
        interval_seconds: float,
        random: Callable[[], float],
    ) -> None:
        self._observer = observer
        self._reporter = reporter
        self._outbox = outbox
        self._courier = courier
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._random = random
        self._report_at = self._look_at = clock.monotonic()

    def run(self, waiter: Waiter) -> None:
        """Report until told to stop; then deliver what is at hand, or leave it in the spool."""
        while not waiter.stopped:
            if self._clock.monotonic() >= self._look_at:
                self._look()
            self._courier.deliver(lambda: waiter.stopped)
            self._outbox.settle()
            waiter.wait(self._pause())
        self._courier.deliver(lambda: True)
        self._outbox.settle()
        self._outbox.close()

    def _look(self) -> None:
        if self._courier.profile_wanted:
            self._observer.forget()
            self._courier.profile_wanted = False
        look, now = self._observer.look(), self._clock.monotonic()
        if look.profile is not None or now >= self._report_at:
            self._outbox.add(self._reporter.report(look, self._outbox.dropped))
            self._report_at = now + self._interval_seconds * (1 + _JITTER * (2 * self._random() - 1))
        self._look_at = min(self._report_at, now + LONGEST_LOOK_SECONDS)

    def _pause(self) -> float:
        due = min(self._look_at, self._courier.due_at) if len(self._outbox) else self._look_at
        return due - self._clock.monotonic()
