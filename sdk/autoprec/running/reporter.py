"""What a service is told of a script while it runs."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread
from types import TracebackType
from typing import Self

from autoprec.client.blocking import Client
from autoprec.client.errors import ClientError
from autoprec.remote.errors import OutboxError
from autoprec.remote.outbox import Outbox
from autoprec.remote.parcel import Parcel
from autoprec_service.run import Run

INTERVAL_SECONDS = 30.0
_CLOSING_SECONDS = 2.0


class RunReporter:
    """A thread that tells a service of a run when it begins, every 30 seconds, and when it ends.

    It never raises. What goes wrong is told once; the end of a run that cannot be told waits in the outbox.

    Args:
        client: The service; it is closed at the end.
        run: The run, as it begins.
        outbox: Where its end waits if it must.
        tell: Called with a sentence when something goes wrong.
        interval: Seconds between two reports.
    """

    def __init__(
        self,
        client: Client,
        run: Run,
        outbox: Outbox,
        tell: Callable[[str], None],
        *,
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        self._client = client
        self._run = run
        self._outbox = outbox
        self._tell = tell
        self._interval = interval
        self._ended = Event()
        self._ended_at: datetime | None = None
        self._troubled = False
        self._thread = Thread(target=self._report, name="autoprec-run", daemon=True)

    def __enter__(self) -> Self:
        """Begin to report."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Report the end, which is waited for a moment only."""
        self._ended_at = datetime.now(UTC)
        self._ended.set()
        self._thread.join(_CLOSING_SECONDS)
        if self._thread.is_alive():
            self._keep()

    @property
    def _now(self) -> Run:
        """The run as it is now."""
        seen_at = self._ended_at or datetime.now(UTC)
        return self._run.model_copy(update={"seen_at": seen_at, "ended_at": self._ended_at})

    def _report(self) -> None:
        self._put(self._run)
        while not self._ended.wait(self._interval):
            self._put(self._now)
        if not self._put(self._now):
            self._keep()
        self._client.close()

    def _put(self, run: Run) -> bool:
        """Return whether the service took it."""
        try:
            self._client.put_run(run)
        except ClientError as error:
            if not self._troubled:
                self._tell(f"This run is not reported: {error}")
            self._troubled = True
            return False
        return True

    def _keep(self) -> None:
        try:
            self._outbox.add(self._client.url, [Parcel.of(self._now)])
        except OutboxError as error:
            self._tell(str(error))
