"""Pages of records: filtered, in the order of their positions, from a record on."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, String, bindparam
from sqlalchemy.orm import InstrumentedAttribute

from autoprec_service.errors import UnknownPageError
from autoprec_service.store.scope import Scope, Table
from autoprec_service.store.tables import OutcomeRow, PlacedRow, RecordRow

Filters = dict[str, Any]

_BEHIND, _LIMIT = "behind_position", "page_limit"

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
    behind = None if after is None else position_of(scope, table, after)
    return find_page(scope, table, filters, limit=limit, behind=behind, newest_first=newest_first)


def find_page(
    scope: Scope,
    table: type[PlacedRow],
    filters: Filters,
    *,
    limit: int | None,
    behind: int | None,
    newest_first: bool = False,
) -> Sequence[str]:
    """Return the documents that match every filter, those behind a position."""
    asked = {name: value for name, value in filters.items() if value is not None}
    limits = {name: value for name, value in ((_BEHIND, behind), (_LIMIT, limit)) if value is not None}
    statement = _page(table, tuple(asked), tuple(limits), newest_first=newest_first)
    return scope.scalars(statement, asked | limits).all()


@cache
def _page(
    table: type[PlacedRow], filters: tuple[str, ...], limits: tuple[str, ...], *, newest_first: bool
) -> Select[Any]:
    """Return the query for a page, with its values left open: making one takes longer than running it."""
    position = _order(table, filters)
    order = position.desc() if newest_first else position
    statement = Scope.select(table, table.document).where(*_conditions(table, filters)).order_by(order)
    if _BEHIND in limits:
        behind = bindparam(_BEHIND, type_=table.position.type)
        statement = statement.where(table.position < behind if newest_first else table.position > behind)
    return statement.limit(bindparam(_LIMIT, type_=Integer())) if _LIMIT in limits else statement


def _order(table: type[PlacedRow], filters: Collection[str]) -> ColumnElement[int]:
    """Return what a page is ordered by.

    The few outcomes of a study are found by an index without the position. SQLite would rather read all rows in their
    order, which an expression keeps it from.
    """
    if table is OutcomeRow and "study_id" in filters:
        return table.position + 0
    return table.position.expression


def find_document(scope: Scope, table: type[RecordRow], id_: str) -> str | None:
    """Return the document of the record with this id, None where there is none."""
    document: str | None = scope.scalar(scope.select(table, table.document).where(table.id == id_))
    return document


def _conditions(table: Table, names: Collection[str]) -> list[ColumnElement[bool]]:
    """Return the filters as conditions, of which a database can use one index alone: that of the rarest values.

    Without statistics SQLite takes any index that it could use, such as that of a status, which half of all rows have.
    """
    used = next((several for several in _RAREST_FIRST if set(several) <= set(names)), ())
    return [_condition(getattr(table, name), indexed=name in used) for name in names]


def _condition(column: InstrumentedAttribute[Any], *, indexed: bool) -> ColumnElement[bool]:
    value = bindparam(column.key, type_=column.type)
    if indexed or not isinstance(column.type, String):
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
