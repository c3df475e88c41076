"""Pages of records: filtered, in the order of their positions, from a record on."""

from collections.abc import Sequence
from typing import Any

from autoprec_service.errors import UnknownPageError
from autoprec_service.store.scope import Scope
from autoprec_service.store.tables import RecordRow

Filters = dict[str, Any]


def find_documents(
    scope: Scope,
    table: type[RecordRow],
    filters: Filters,
    *,
    limit: int | None,
    after: str | None,
    newest_first: bool = False,
) -> Sequence[str]:
    """Return the documents that match every filter, those that come after the record `after`.

    Raises:
        StoreError: There is no record with the id `after`.
    """
    order = table.position.desc() if newest_first else table.position
    asked = [getattr(table, name) == value for name, value in filters.items() if value is not None]
    statement = scope.select(table, table.document).where(*asked).order_by(order).limit(limit)
    if after is not None:
        position = position_of(scope, table, after)
        statement = statement.where(table.position < position if newest_first else table.position > position)
    return scope.scalars(statement).all()


def position_of(scope: Scope, table: type[RecordRow], id_: str) -> int:
    """Return the position of a record.

    Raises:
        StoreError: There is no record with this id.
    """
    position: int | None = scope.scalar(scope.select(table, table.position).where(table.id == id_))
    if position is None:
        raise UnknownPageError(
            f"The store holds no record {id_!r} in {table.__tablename__} to go on after: "
            "give the id of the last record of the page before.",
        )
    return position


def check_limit(limit: int | None) -> None:
    """Refuse a page of less than nothing.

    Raises:
        ValueError: The limit is negative.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"limit={limit} is negative: give how many records a page holds, or None for all.")
