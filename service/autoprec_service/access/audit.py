"""The log of who did what. It is only ever added to: triggers of the database refuse anything else."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import Connection, Engine, Row, insert, select

from autoprec_service.access.principal import Principal
from autoprec_service.access.tables import AuditRow
from autoprec_service.store.engine import writer
from autoprec_service.store.failures import reported

Action = Literal["token.create", "token.revoke", "report", "prune"]


class AuditEntry(BaseModel):
    """One thing that was done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    position: int
    """Grows with every entry of any tenant."""
    at: AwareDatetime
    tenant: str
    actor: str
    """The id of the token that was shown, `command line`, or `anonymous` where none was needed."""
    action: Action
    subject: str
    """What it was done to, such as the id of a token or `trials`."""
    detail: dict[str, str | int | None] = {}


class AuditLog:
    """Adds entries and shows them, the newest first.

    Args:
        engine: The database of the store, whose tables are there.
        where: How errors call it.
        clock: The time, UTC by default.
    """

    def __init__(self, engine: Engine, where: str, *, clock: Callable[[], datetime] | None = None) -> None:
        self._engine = engine
        self._where = where
        self._now = clock or (lambda: datetime.now(UTC))

    def add(self, *, tenant: str, actor: str, action: Action, subject: str, **detail: str | int | None) -> None:
        """Write down what was done; when this returns, it is kept."""
        row = {
            "tenant": tenant,
            "at": self._now().timestamp(),
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": json.dumps(detail),
        }
        with self._transaction(writer(self._engine), "written") as connection:
            connection.execute(insert(AuditRow), [row])

    def note(self, who: Principal, action: Action, subject: str, **detail: str | int | None) -> None:
        """Write down what someone did in their own tenant."""
        self.add(tenant=who.tenant, actor=who.name, action=action, subject=subject, **detail)

    def entries(self, tenant: str, *, limit: int | None = None, before: int | None = None) -> list[AuditEntry]:
        """Return what was done in a tenant, the newest first; `before` is the last position of the page before."""
        statement = (
            select(AuditRow.__table__).where(AuditRow.tenant == tenant).order_by(AuditRow.position.desc()).limit(limit)
        )
        if before is not None:
            statement = statement.where(AuditRow.position < before)
        with self._transaction(self._engine, "read") as connection:
            return [_entry(row) for row in connection.execute(statement)]

    @contextmanager
    def _transaction(self, engine: Engine, done: str) -> Iterator[Connection]:
        with reported(self._where, done), engine.begin() as connection:
            yield connection


def _entry(row: Row[Any]) -> AuditEntry:
    same = {name: getattr(row, name) for name in ("position", "tenant", "actor", "action", "subject")}
    told = {"at": datetime.fromtimestamp(row.at, UTC), "detail": json.loads(row.detail)}
    return AuditEntry.model_validate(same | told)
