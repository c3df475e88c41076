"""The feed of what was written."""

from collections.abc import Sequence

from sqlalchemy import func

from autoprec_service.change import Change, ChangeKind
from autoprec_service.store.scope import Scope
from autoprec_service.store.tables import ChangeRow

CHANGES_KEPT = 100_000
"""Changes that a reader may be behind; older ones are forgotten."""

_SWEEP = 1000
"""Old changes are forgotten once in so many new ones."""


def note_changes(scope: Scope, changes: Sequence[tuple[ChangeKind, str, str | None]]) -> None:
    """Add to the feed what was written: kind, id, model. Whenever a store has doubled, its statistics are too old."""
    scope.insert(ChangeRow, [{"kind": kind, "id": id_, "model_fingerprint": model} for kind, id_, model in changes])
    newest = last_change(scope)
    if newest.bit_length() > (newest - len(changes)).bit_length():
        scope.count_anew()
    if newest % _SWEEP < len(changes):
        scope.change(scope.delete(ChangeRow).where(ChangeRow.position <= newest - CHANGES_KEPT))


def find_changes(scope: Scope, after: int | None, limit: int | None) -> list[Change]:
    """Return the changes behind a position, the oldest first."""
    columns = ChangeRow.position, ChangeRow.kind, ChangeRow.id, ChangeRow.model_fingerprint
    statement = scope.select(ChangeRow, *columns).order_by(ChangeRow.position).limit(limit)
    if after is not None:
        statement = statement.where(ChangeRow.position > after)
    return [Change(**row._mapping) for row in scope.rows(statement)]  # noqa: SLF001 (SQLAlchemy's own name)


def last_change(scope: Scope) -> int:
    """Return the position of the newest change, 0 where there is none."""
    newest: int | None = scope.scalar(scope.select(ChangeRow, func.max(ChangeRow.position)))
    return newest or 0
