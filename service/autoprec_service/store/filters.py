"""Pages of records: filtered, in the order of their positions, from a record on."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement

from autoprec_service.errors import UnknownPageError
from autoprec_service.store.scope import Scope, Table
from autoprec_service.store.tables import RecordRow

Filters = dict[str, Any]

_RAREST_FIRST = (
    ("study_id",),
    ("model_fingerprint", "hardware_key"),
    ("model_fingerprint",),
    ("workload_key",),
    ("node",),
    ("hardware_key",),
    ("precision",),
    ("status",),
)
"""What has an index with the position at its end, so that a page is read from it in order."""


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
    statement = scope.select(table, table.document).where(*conditions(table, filters)).order_by(order).limit(limit)
    if after is not None:
        position = position_of(scope, table, after)
        statement = statement.where(table.position < position if newest_first else table.position > position)
    return scope.scalars(statement).all()


def find_document(scope: Scope, table: type[RecordRow], id_: str) -> str | None:
    """Return the document of the record with this id, None where there is none."""
    document: str | None = scope.scalar(scope.select(table, table.document).where(table.id == id_))
    return document


def conditions(table: Table, filters: Filters) -> list[ColumnElement[bool]]:
    """Return the filters as conditions, of which a database can use one index alone: that of the rarest values.

    Without statistics SQLite takes any index that it could use, such as that of a status, which half of all rows have.
    """
    asked = {name: value for name, value in filters.items() if value is not None}
    used = next((names for names in _RAREST_FIRST if asked.keys() >= set(names)), ())
    return [_condition(getattr(table, name), value, indexed=name in used) for name, value in asked.items()]


def _condition(column: ColumnElement[Any], value: object, *, indexed: bool) -> ColumnElement[bool]:
    if indexed or not isinstance(value, str):
        return column == value
    return column.concat("") == value  # an expression, which no index has


def position_of(scope: Scope, table: type[RecordRow], id_: str) -> int:
    """Return the position of a record.

    Raises:
        UnknownPageError: There is no record with this id.
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
