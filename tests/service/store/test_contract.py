from pathlib import Path

import pytest

from autoprec_service.store import SqlStore
from autoprec_service.testing import StoreContract
from autoprec_service.testing.contract import StoreOpener


class TestSqlite(StoreContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> StoreOpener:
        return lambda: SqlStore(f"sqlite:///{tmp_path / 'store.db'}")
