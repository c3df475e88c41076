import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from autoprec_service.errors import StoreError
from autoprec_service.store import SqlStore, open_store
from autoprec_service.testing import make_study, make_trial


def test_a_backup_of_a_file_is_a_store(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with open_store(path) as store:
        store.save_study(make_study())
        store.for_tenant("other").save_study(make_study(id="theirs"))
        store.backup(copy)
        store.add_trials([make_trial()])
    assert not (tmp_path / "copy.db.part").exists()
    with open_store(copy) as restored:
        assert ([make_study()], []) == (restored.studies(), restored.trials())
        assert ["theirs"] == [each.id for each in restored.for_tenant("other").studies()]


def test_a_backup_replaces_nothing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with open_store(path) as store, pytest.raises(StoreError, match="is there already"):
        store.backup(tmp_path / "copy.db")
    assert "precious" == (tmp_path / "copy.db").read_text()


def test_a_place_that_cannot_be_written_is_told(path: Path, tmp_path: Path) -> None:
    with open_store(path) as store, pytest.raises(StoreError, match="Give another path"):
        store.backup(tmp_path / "lost" / "copy.db")


def test_a_backup_of_postgresql_holds_every_tenant(
    postgresql: URL, postgresql_programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(postgresql_programs))
    with SqlStore(postgresql) as store:
        store.save_study(make_study())
        store.for_tenant("other").save_study(make_study(id="theirs"))
        store.backup(tmp_path / "copy.dump")
    restored = [str(postgresql_programs / "pg_restore"), "--data-only", "--table=studies", "--file=-"]
    told = subprocess.check_output([*restored, str(tmp_path / "copy.dump")], text=True)
    assert {"default", "other"} == {
        line.split("\t")[1] for line in told.splitlines() if "\tstudy-a\t" in line or "\ttheirs\t" in line
    }


def test_a_missing_pg_dump_is_told(postgresql: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with SqlStore(postgresql) as store, pytest.raises(StoreError, match="pg_dump, which is not on the PATH"):
        store.backup(tmp_path / "copy.dump")
