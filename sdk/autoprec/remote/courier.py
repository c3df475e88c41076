"""Delivers what waits for a service while other things go on."""

import threading
from types import TracebackType
from typing import Self

from autoprec.client.blocking import Client
from autoprec.remote.delivery import Delivery, deliver
from autoprec.remote.outbox import Outbox

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
CLOSING_SECONDS = 2.0
"""How long leaving waits for what is still being delivered."""


class Courier:
    """A thread that delivers when it is woken, and again after a pause as long as the service is away.

    It never raises and is never waited for longer than a moment: what it has not delivered stays in the outbox. The
    client is its own, to be closed by it.
    """

    def __init__(self, client: Client, outbox: Outbox) -> None:
        self._client = client
        self._outbox = outbox
        self._awake = threading.Event()
        self._closing = threading.Event()
        self._last = Delivery()
        self._patience = CLOSING_SECONDS
        self._thread = threading.Thread(target=self._run, name="autoprec-courier", daemon=True)

    @property
    def last(self) -> Delivery:
        """What became of the last attempt."""
        return self._last

    def wake(self) -> None:
        """Let it look into the outbox."""
        self._awake.set()

    def give_up(self) -> None:
        """Do not wait at the end: the service is known not to answer."""
        self._patience = 0.0

    def join(self, seconds: float | None = None) -> None:
        """Wait until it has ended, or so long, after it was left."""
        self._thread.join(seconds)

    def __enter__(self) -> Self:
        """Start with what has been left from earlier."""
        self.wake()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let it deliver what it can in a moment."""
        self._closing.set()
        self.wake()
        self.join(self._patience)

    def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            self._awake.wait()
            self._awake.clear()
            closing = self._closing.is_set()
            self._last = deliver(self._client, self._outbox)
            if closing:
                self._client.close()
                return
            if self._last.trouble is None:
                pause = _FIRST_PAUSE_SECONDS
                continue
            self._closing.wait(pause)
            pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)
            self.wake()
