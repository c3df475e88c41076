from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from autoprec_service.store import SqlStore
from autoprec_service.testing import StoreContract
from autoprec_service.testing.contract import StoreOpener


class TestSqlite(StoreContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> StoreOpener:
        return lambda: SqlStore(f"sqlite:///{tmp_path / 'store.db'}")


class TestPostgresql(StoreContract):
    @pytest.fixture
    def opener(self, postgresql: URL) -> StoreOpener:
        return lambda: SqlStore(postgresql)
