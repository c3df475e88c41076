from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL

from autoprec_service.errors import StoreError, StoreTooNewError
from autoprec_service.store import open_store
from autoprec_service.store.engine import store_engine, writer
from autoprec_service.store.schema import HEAD, downgrade, known_revisions, revision, upgrade
from autoprec_service.store.tables import Base
from autoprec_service.testing import PROFILE, make_report, make_study, make_trial
from autoprec_service.testing.factories import STARTED_AT


@contextmanager
def connected(path: Path) -> Iterator[Connection]:
    engine = store_engine(URL.create("sqlite", database=str(path)))
    try:
        with writer(engine).begin() as connection:
            yield connection
    finally:
        engine.dispose()


def fill(path: Path) -> None:
    with open_store(path) as store:
        store.save_study(make_study())
        store.add_trials([make_trial()])
        store.add_reports("node", [make_report(1, profile=PROFILE)], sent_at=STARTED_AT, received_at=STARTED_AT)


def mark(path: Path, version: str) -> None:
    with connected(path) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def test_head_is_the_newest_revision() -> None:
    assert HEAD == known_revisions()[-1]


def test_migrations_make_the_tables_that_the_code_expects(path: Path) -> None:
    fill(path)
    with connected(path) as connection:
        assert [] == compare_metadata(MigrationContext.configure(connection), Base.metadata)


def test_an_older_store_is_migrated_in_place_with_its_data(path: Path) -> None:
    fill(path)
    with connected(path) as connection:
        downgrade(connection, "0001")
        assert {"alembic_version", "studies"} == set(inspect(connection).get_table_names())
    with open_store(path) as store:
        assert [make_study()] == store.studies()
        assert 1 == store.add_trials([make_trial()])
        assert [] == store.nodes()
    with connected(path) as connection:
        assert HEAD == revision(connection)


def test_every_revision_can_be_taken_back_and_applied_again(path: Path) -> None:
    fill(path)
    with connected(path) as connection:
        downgrade(connection, "base")
        assert ["alembic_version"] == inspect(connection).get_table_names()
        for each in known_revisions():
            upgrade(connection, each)
            assert each == revision(connection)
    with open_store(path) as store:
        assert [] == store.studies()


def test_a_migration_that_fails_leaves_the_store_as_it_was(path: Path) -> None:
    fill(path)
    with connected(path) as connection:
        downgrade(connection, "0001")
        connection.execute(text("CREATE TABLE trials (id TEXT)"))
    with pytest.raises(StoreError, match="already exists"):
        open_store(path)
    with connected(path) as connection:
        assert "0001" == revision(connection)
        connection.execute(text("DROP TABLE trials"))
    with open_store(path) as store:
        assert [make_study()] == store.studies()


def test_a_newer_store_is_refused_and_left_untouched(path: Path) -> None:
    fill(path)
    mark(path, "9999")
    before = path.read_bytes()
    with pytest.raises(StoreTooNewError, match=rf"revision '9999' and this version knows them up to '{HEAD}'.*upgrade"):
        open_store(path)
    assert before == path.read_bytes()
    assert [path] == list(path.parent.iterdir())


def test_the_database_of_another_application_is_refused_and_left_untouched(path: Path) -> None:
    with connected(path) as connection:
        connection.execute(text("CREATE TABLE songs (title TEXT)"))
    before = path.read_bytes()
    with pytest.raises(StoreError, match="holds the tables songs of another application"):
        open_store(path)
    assert before == path.read_bytes()


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    fill(path)
    with open_store(path) as store:
        assert [make_trial()] == store.trials()


def test_readers_do_not_wait_for_a_writer(path: Path) -> None:
    fill(path)
    with connected(path) as connection:
        assert "wal" == connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        connection.execute(text("DELETE FROM trials"))
        with open_store(path) as store:
            assert [make_trial()] == store.trials()
