"""The stream of changes, as server-sent events (HTML Living Standard, section 9.2.6)."""

from pydantic import ValidationError

from autoprec.client.errors import AnswerError
from autoprec_service.change import Change

RECONNECT_SECONDS = 1.0
QUIET_SECONDS = 60.0
"""How long nothing may come before the connection counts as dead; the service says something more often."""


class EventStream:
    """Makes changes of lines, and remembers the last one, after which to go on when the connection breaks."""

    def __init__(self, after: int | None) -> None:
        self._last = after
        self._data: list[str] = []

    def headers(self) -> dict[str, str]:
        """Return what a request says of where to go on; half an event that came before is forgotten."""
        self._data = []
        accepted = {"Accept": "text/event-stream"}
        return accepted if self._last is None else accepted | {"Last-Event-ID": str(self._last)}

    def take(self, line: str) -> Change | None:
        """Return the change that ends with this line, if one does.

        Raises:
            AnswerError: It is no change.
        """
        if line.startswith("data:"):
            self._data.append(line.removeprefix("data:").removeprefix(" "))
        if line or not self._data:
            return None
        text, self._data = "\n".join(self._data), []
        try:
            change = Change.model_validate_json(text)
        except ValidationError as error:
            raise AnswerError("The service sent an event that is no change. Use the version that it has.") from error
        self._last = change.position
        return change
