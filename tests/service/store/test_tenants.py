"""Tenants, tried past the store: no statement leaves them out, and PostgreSQL itself keeps them apart."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, event, func, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, ProgrammingError

import autoprec_service.store
from autoprec_service.store import SqlStore
from autoprec_service.store.tables import Base
from autoprec_service.testing import make_study, make_trial

ROOM = Path(autoprec_service.store.__file__).parent
BUILDERS = {"select", "insert", "update", "delete", "text"}
MAY_BUILD = {"scope.py", "schema.py"}


@pytest.fixture
def store(url: URL) -> Iterator[SqlStore]:
    with SqlStore(url) as opened:
        yield opened


def imported(file: Path) -> set[str]:
    nodes = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom))
    return {name.name for node in nodes if node.module == "sqlalchemy" for name in node.names}


@pytest.mark.parametrize(
    "file", sorted(set(ROOM.glob("*.py")) - {ROOM / each for each in MAY_BUILD}), ids=lambda each: each.name
)
def test_no_statement_is_made_outside_the_scope(file: Path) -> None:
    assert set() == BUILDERS & imported(file)


def test_every_table_belongs_to_tenants() -> None:
    assert {True} == {"tenant" in table.columns for table in Base.metadata.tables.values()}


def test_every_statement_of_a_store_names_the_tenant(store: SqlStore) -> None:
    seen: list[str] = []
    event.listen(store._engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    store.save_study(make_study())
    store.add_trials([make_trial()])
    store.outcomes(model_fingerprint="model-a", limit=1)
    store.models(search="a")
    store.trials(study_id="study-a", newest_first=True)
    told = [each for each in seen if not each.startswith("ANALYZE")]
    tables = [each for each in told if any(f" {name}" in each for name in Base.metadata.tables)]
    assert len(tables) > 10
    assert [] == [each for each in tables if "tenant" not in each]


def test_a_trial_cannot_refer_to_the_study_of_another_tenant(store: SqlStore, connection: Connection) -> None:
    store.save_study(make_study())
    store.add_trials([make_trial()])
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT set_config('autoprec.tenant', '*', true)"))
    with pytest.raises(IntegrityError):
        connection.execute(text("UPDATE trials SET tenant = 'other'"))


def as_tenant(connection: Connection, name: str | None) -> Connection:
    connection.rollback()
    if name is not None:
        connection.execute(text("SELECT set_config('autoprec.tenant', :name, true)"), {"name": name})
    return connection


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("tenant", [None, "", "other"])
def test_postgresql_shows_rows_to_their_tenant_alone(
    store: SqlStore, connection: Connection, tenant: str | None
) -> None:
    store.save_study(make_study())
    store.add_trials([make_trial()])
    for name, table in Base.metadata.tables.items():
        assert 0 == as_tenant(connection, tenant).scalar(select(func.count()).select_from(table)), name
        if name != "audit":  # from which nobody deletes
            assert 0 == as_tenant(connection, tenant).execute(delete(table)).rowcount
    assert 1 == as_tenant(connection, "default").scalar(text("SELECT count(*) FROM trials"))


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_postgresql_takes_no_row_for_another_tenant(store: SqlStore, connection: Connection) -> None:
    store.save_study(make_study())
    with pytest.raises(ProgrammingError, match="row-level security"):
        as_tenant(connection, "default").execute(text("UPDATE studies SET tenant = 'other'"))
    with pytest.raises(ProgrammingError, match="row-level security"):
        as_tenant(connection, "other").execute(
            text("INSERT INTO changes (tenant, kind, id) VALUES ('default', 'run', 'x')")
        )
