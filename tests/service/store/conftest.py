from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from autoprec_service.store.engine import store_engine, writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a store that does not exist yet."""
    return tmp_path / "store.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> URL:
    """The URL of a store that does not exist yet, once for each kind of database."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql").set(drivername="postgresql+psycopg")  # type: ignore[no-any-return]
    return URL.create("sqlite", database=str(request.getfixturevalue("path")))


@pytest.fixture
def connection(url: URL) -> Iterator[Connection]:
    """A connection to that database, past the store; its transaction writes, and is committed by the test."""
    engine = store_engine(url)
    with writer(engine).connect() as opened:
        yield opened
    engine.dispose()
