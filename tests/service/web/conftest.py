import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from autoprec_service.settings import Settings
from autoprec_service.store import Store, open_store
from autoprec_service.web.app import create_app


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose tables are there: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "store.db"
    open_store(path).close()
    return path


@pytest.fixture
def db(tmp_path: Path, empty_store: Path) -> str:
    return str(shutil.copy(empty_store, tmp_path / "store.db"))


@pytest.fixture
def app(db: str) -> FastAPI:
    return create_app(Settings(db=db))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Everybody on loopback, who is an admin as long as there is no token."""
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def store(db: str) -> Iterator[Store]:
    """The store of the service, opened beside it."""
    with open_store(db) as opened:
        yield opened
