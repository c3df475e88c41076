"""Carries reports to the service in their order, and knows when to try again."""

from collections.abc import Callable

from autoprec_probe.agent.clock import Clock
from autoprec_probe.agent.entry import Entry
from autoprec_probe.agent.log import log
from autoprec_probe.agent.outbox import Outbox
from autoprec_probe.agent.report import LARGEST_BODY_BYTES, LONGEST_BATCH
from autoprec_probe.agent.transport import AwayError, Transport
from autoprec_probe.agent.verdict import Verdict, judge

SHORTEST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
SLOW_PAUSE_SECONDS = 300.0
"""The pause after what only a person can mend: a wrong token, a wrong address."""

_BODY_BYTES = LARGEST_BODY_BYTES // 2
_SAID = {
    "away": "The service is away (%s). Reports are kept and delivered later.",
    "denied": "The service refuses the agent (%s). Give it a token that may report: --token-file, or AUTOPREC_TOKEN. "
    "Reports are kept, and it is tried again every few minutes.",
    "elsewhere": "What answers is no service that takes reports (%s). Check the address: --url, or AUTOPREC_URL; "
    "redirects are not followed. Reports are kept, and it is tried again every few minutes.",
}


class Courier:
    """Delivers what an outbox holds.

    Args:
        outbox: The reports.
        transport: The way to the service.
        clock: Tells when the next attempt is due.
        random: Returns a number between 0 and 1, so that many agents do not come back in the same moment.
    """

    def __init__(self, outbox: Outbox, transport: Transport, clock: Clock, random: Callable[[], float]) -> None:
        self._outbox = outbox
        self._transport = transport
        self._clock = clock
        self._random = random
        self._failures = 0
        self._trouble: str | None = None
        self._most = LONGEST_BATCH
        self.due_at = clock.monotonic()
        self.profile_wanted = False

    def deliver(self, stopped: Callable[[], bool]) -> None:
        """Send batch after batch, if an attempt is due, until none is left, one fails, or `stopped` says so."""
        while self._clock.monotonic() >= self.due_at:
            batch = self._outbox.batch(self._most, _BODY_BYTES)
            if not batch:
                return
            self._act(self._sent(batch), batch)
            if stopped():
                return

    def _sent(self, batch: list[tuple[Entry, str]]) -> Verdict:
        reports = ",".join(document for _, document in batch)
        body = f'{{"sent_at":"{self._clock.now().isoformat()}","reports":[{reports}]}}'
        try:
            return judge(self._transport.put(body.encode()), len(batch))
        except AwayError as e:
            return Verdict(meaning="away", reason=str(e))

    def _act(self, verdict: Verdict, batch: list[tuple[Entry, str]]) -> None:
        if verdict.meaning == "delivered":
            self._outbox.delivered([entry for entry, _ in batch])
            self.profile_wanted = verdict.profile_wanted
            self._recover(len(batch))
        elif verdict.meaning != "refused":
            self._back_off(verdict)
        elif len(batch) > 1:
            # One bad report spoils a batch: smaller ones, down to a single report, find it.
            self._most = len(batch) // 2
        else:
            entry, document = batch[0]
            self._outbox.refused(entry, document, verdict.reason)
            self._most = LONGEST_BATCH

    def _recover(self, delivered: int) -> None:
        if self._trouble is not None:
            log.info("The service takes reports again; %d are delivered, %d wait.", delivered, len(self._outbox))
        self._failures, self._trouble = 0, None
        self._most = min(LONGEST_BATCH, 2 * self._most)

    def _back_off(self, verdict: Verdict) -> None:
        pause = min(LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS * 2.0 ** min(self._failures, 16))
        if verdict.meaning != "away":
            pause = SLOW_PAUSE_SECONDS
        pause *= (1 + self._random()) / 2
        self.due_at = self._clock.monotonic() + max(pause, verdict.wait_seconds or 0.0)
        self._failures += 1
        self._tell(verdict)

    def _tell(self, verdict: Verdict) -> None:
        """Say what is wrong when it begins and when it changes, not at every attempt."""
        if verdict.meaning != self._trouble:
            log.warning(_SAID[verdict.meaning], verdict.reason)
        self._trouble = verdict.meaning
