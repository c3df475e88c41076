"""Whether a store is sound: its file, its references, and whether what is derived agrees with what it derives from."""

from sqlalchemy import Connection, Engine

from autoprec_service.store.rebuilding import rebuild
from autoprec_service.store.scope import Scope, open_scope, tenants
from autoprec_service.store.tables import HardwareRow, ModelRow, OutcomeRow, PairRow

_DERIVED = {
    "outcomes": (OutcomeRow, ("study_id", "candidate", "document")),
    "counts of models": (ModelRow, ("fingerprint", "studies", "trials", "last_measured_at")),
    "counts of hardware": (HardwareRow, ("key", "studies", "trials", "models", "last_measured_at")),
    "list of what was measured where": (PairRow, ("model_fingerprint", "hardware_key")),
}


def problems(writer: Engine, *, repair: bool) -> list[str]:
    """Return what is wrong, in sentences; everything is derived anew, and kept only for `repair`."""
    with writer.connect() as connection:
        found = _file_problems(connection) if connection.dialect.name == "sqlite" else []
        if not found:
            found = _differences(connection)
        if repair and found:
            connection.commit()
        else:
            connection.rollback()
    return found


def _file_problems(connection: Connection) -> list[str]:
    told = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    found = [f"The file is damaged: {each}." for each in told if each != "ok"]
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return found + [f"Row {row[1]} of {row[0]} refers to nothing in {row[2]}." for row in orphans]


def _differences(connection: Connection) -> list[str]:
    names = tenants(connection)
    before = {name: _derived(open_scope(connection, name, writes=True)) for name in names}
    rebuild(connection)
    after = {name: _derived(open_scope(connection, name, writes=True)) for name in names}
    return [
        f"The {what} of the tenant {name!r} do not agree with the studies and trials."
        for name in names
        for what in _DERIVED
        if before[name][what] != after[name][what]
    ]


def _derived(scope: Scope) -> dict[str, set[tuple[object, ...]]]:
    return {
        what: {tuple(row) for row in scope.rows(scope.select(table, *(getattr(table, each) for each in columns)))}
        for what, (table, columns) in _DERIVED.items()
    }
