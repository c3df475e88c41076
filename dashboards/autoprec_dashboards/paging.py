"""Lists of which only a page is ever read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from autoprec_dashboards.errors import PageError
from autoprec_service.errors import UnknownPageError

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Row]):
    """A part of a list."""

    rows: tuple[Row, ...]
    next_after: str | None
    """Where the next page begins; None on the last one."""


def page_of(
    read: Callable[[int, str | None], Sequence[Row]], key: Callable[[Row], str], *, size: int, after: str
) -> Page[Row]:
    """Return the page behind `after`; one more than `size` is read, to know whether there is another.

    Raises:
        PageError: There is nothing of that name to go on after.
    """
    try:
        found = read(size + 1, after or None)
    except UnknownPageError as error:
        raise PageError(
            "The list has changed", f"There is nothing {after!r} in it to go on after: start anew."
        ) from error
    return Page(rows=tuple(found[:size]), next_after=key(found[size - 1]) if len(found) > size else None)
