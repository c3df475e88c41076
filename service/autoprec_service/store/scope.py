"""The rows of one tenant, within one transaction: the only way from a store to its tables."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Delete,
    Row,
    ScalarResult,
    Select,
    String,
    Update,
    any_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    union,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import ColumnExpressionArgument
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.dml import DMLWhereBase
from sqlalchemy.sql.elements import KeyedColumnElement

from autoprec_service.errors import StoreError
from autoprec_service.store.tables import NodeRow, StudyRow, TenantRow

Table = type[TenantRow]
Values = dict[str, Any]
Item = TypeVar("Item")
Changes = Callable[[ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]], Values]

_CHUNK = 500  # SQLite before 3.32 takes at most 999 variables in a statement
_WHOSE = "whose"
"""What a query calls the tenant whose rows it is for; no column has this name."""
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ANALYZED = text("ANALYZE studies, trials, outcomes, models, changes, measured_on, reports")
_TOLD = text("SELECT set_config('autoprec.tenant', :tenant, true)")
_LOCKED = text(
    "SELECT set_config('autoprec.tenant', :tenant, true), "
    "pg_advisory_xact_lock(hashtextextended('autoprec ' || :tenant, 0))",
)


class Scope:
    """One transaction, in which there are the rows of one tenant and no others.

    Every statement on a table is made here, and made with the tenant: rows that are asked for, changed or deleted are
    the tenant's, and rows that are added become the tenant's.
    """

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection
        self.tenant = tenant
        self._whose = {_WHOSE: tenant}

    @staticmethod
    def select(table: Table, *columns: ColumnExpressionArgument[Any]) -> Select[Any]:
        """Return a query for columns of a table. It may be kept: its tenant is that of the scope in which it is run."""
        return select(*columns).where(table.tenant == bindparam(_WHOSE))  # type: ignore[arg-type]

    def among(self, column: InstrumentedAttribute[str], values: Iterable[str]) -> ColumnElement[bool]:
        """Return the condition that a column has one of many values. They are told as one, however many there are."""
        told = list(values)
        if self._connection.dialect.name == "postgresql":
            return column == any_(literal(told, postgresql.ARRAY(String)))
        return column.in_(select(func.json_each(json.dumps(told)).table_valued("value").c.value))

    def update(self, table: Table) -> Update:
        """Return a statement that changes rows of a table."""
        return update(table).where(table.tenant == self.tenant)

    def delete(self, table: Table) -> Delete:
        """Return a statement that deletes rows of a table."""
        return delete(table).where(table.tenant == self.tenant)

    def insert(self, table: Table, rows: Sequence[Values]) -> None:
        """Add rows to a table."""
        if rows:
            self._connection.execute(insert(table), self._own(rows))

    def upsert(self, table: Table, rows: Sequence[Values], *, key: Sequence[str], changes: Changes) -> None:
        """Add rows to a table; where the key is there already, change what `changes` makes of the new row."""
        if not rows:
            return
        new = sqlite.insert(table) if self._connection.dialect.name == "sqlite" else postgresql.insert(table)
        changed = changes(new.excluded)
        self._connection.execute(
            new.on_conflict_do_update(index_elements=["tenant", *key], set_=changed),
            self._own(rows),
        )

    def rows(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        """Return what a query finds."""
        return self._connection.execute(statement, self._whose).all()

    def scalars(self, statement: Select[Any], values: Values | None = None) -> ScalarResult[Any]:
        """Return the first column of what a query finds; `values` are those that it leaves open."""
        return self._connection.scalars(statement, {**(values or {}), **self._whose})

    def scalar(self, statement: Select[Any]) -> Any:
        """Return the first column of the first row of what a query finds, None where it finds nothing."""
        return self._connection.scalar(statement, self._whose)

    def change(self, statement: DMLWhereBase) -> int:
        """Run a statement of `update` or `delete`, and return how many rows it met."""
        done: CursorResult[Any] = self._connection.execute(statement, self._whose)  # type: ignore[call-overload]
        return done.rowcount

    def count_anew(self) -> None:
        """Let PostgreSQL look at its tables: it plans a growing one badly until its own daemon does, once a minute."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(_ANALYZED)

    def _own(self, rows: Sequence[Values]) -> list[Values]:
        return [{**row, "tenant": self.tenant} for row in rows]


def open_scope(connection: Connection, tenant: str, *, writes: bool) -> Scope:
    """Return the rows of a tenant. On PostgreSQL policies of the tables keep to it, too, and tenants write in turn.

    What is derived from many rows, and a feed without gaps, need one writer at a time; SQLite has no other kind.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCKED if writes else _TOLD, {"tenant": tenant})
    return Scope(connection, tenant)


def tenants(connection: Connection) -> Sequence[str]:
    """Return the names of all tenants that have records; from here on the transaction is an operator's."""
    if connection.dialect.name == "postgresql":
        connection.execute(_TOLD, {"tenant": "*"})
    return connection.scalars(union(select(StudyRow.tenant), select(NodeRow.tenant)).order_by("tenant")).all()


def checked_tenant(name: str) -> str:
    """Return the name of a tenant.

    Raises:
        StoreError: It is none.
    """
    if not _TENANT.fullmatch(name):
        raise StoreError(
            f"{name!r} is no name of a tenant. Give 1 to 64 letters, digits, dots, dashes or underscores, "
            "the first one a letter or digit.",
        )
    return name


def chunks(items: Iterable[Item]) -> Iterable[list[Item]]:
    """Return the items in lists that fit into one statement."""
    iterator = iter(items)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
