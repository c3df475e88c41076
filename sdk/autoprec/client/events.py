"""The stream of changes, as server-sent events (the format of the HTML standard, section 9.2.6)."""

from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from autoprec.client.errors import AnswerError
from autoprec_service.change import Change


class EventLines:
    """Makes changes of lines, and remembers the last one, after which to go on when the connection breaks."""

    def __init__(self, after: int | None) -> None:
        self.last = after
        self._data: list[str] = []

    @property
    def headers(self) -> dict[str, str]:
        """What a request says of where to go on."""
        return {"Accept": "text/event-stream"} | ({} if self.last is None else {"Last-Event-ID": str(self.last)})

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
            raise AnswerError(f"The service sent an event that is no change: {text[:200]!r}.") from error
        self.last = change.position
        return change

    def broken(self) -> None:
        """Forget the half of an event that came before the connection broke."""
        self._data = []


