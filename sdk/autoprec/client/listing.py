"""Long lists, which a service tells a page at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from autoprec.client.call import Call
from autoprec.client.reading import reader

Record = TypeVar("Record")

PAGE = 200
"""Records that are asked for at once."""


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[Record]):
    """A list, with the name by which the service goes on after a record."""

    path: str
    schema: type[list[Record]]
    name_of: Callable[[Record], str]
    query: dict[str, Any] = field(default_factory=dict)

    def page(self, after: str | None) -> Call[list[Record]]:
        """Return the call for the page after the record of this name, for the first one if it is None."""
        query = self.query | {"limit": PAGE} | ({} if after is None else {"after": after})
        return Call(method="GET", path=self.path, query=query, read=reader(self.schema))

    def next(self, page: list[Record]) -> str | None:
        """Return the name after which the next page begins, None if this was the last."""
        return self.name_of(page[-1]) if len(page) == PAGE else None
