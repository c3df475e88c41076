import os
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from autoprec_service.errors import StoreError
from autoprec_service.store import SqlStore, Store, open_store
from autoprec_service.store.engine import store_engine, writer
from autoprec_service.testing import make_study, make_trial

needs_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="requires a user whom permissions bind"
)


def refusal(where: str | Path) -> str:
    with pytest.raises(StoreError) as caught:
        open_store(where)
    message = str(caught.value)
    assert "\n" not in message
    assert str(where) in message
    return message


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    assert f"Give the path of a file, such as {tmp_path / 'autoprec.db'}." in refusal(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "Give a path in a folder that you may write to" in refusal(tmp_path / "file" / "store.db")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="requires a folder in which nobody may write: /proc")
@pytest.mark.parametrize("path", ["/proc/autoprec/store.db", "/proc/store.db"])
def test_an_unwritable_place_is_told(path: str) -> None:
    assert "AUTOPREC_DB" in refusal(path)


@needs_permissions
def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "Check that its folder exists and may be written" in refusal(tmp_path / "store.db")


@needs_permissions
def test_a_read_only_store_is_told_when_it_is_written(path: Path) -> None:
    open_store(path).close()
    path.chmod(0o400)
    with open_store(path) as store, pytest.raises(StoreError, match="Change the permissions"):
        store.save_study(make_study())


def test_a_file_that_is_no_database_is_left_as_it_is(path: Path) -> None:
    path.write_text("These are notes, not a database. " * 100)
    before = path.read_bytes()
    assert "the file is not an autoprec store. It was left as it is" in refusal(path)
    assert before == path.read_bytes()


def test_a_damaged_store_is_told(path: Path) -> None:
    with open_store(path) as store:
        store.save_study(make_study())
        store.add_trials(make_trial(id=str(number)) for number in range(50))
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xff" * (len(content) - 4096 * 2)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="Put a backup in its place"), open_store(path) as store:
        store.trials()


def test_a_store_locked_for_too_long_is_told(path: Path) -> None:
    open_store(path).close()
    engine = store_engine(make_url(f"sqlite:///{path}"))
    with SqlStore(f"sqlite:///{path}?timeout=0.05") as store, writer(engine).begin():
        with pytest.raises(StoreError, match="could not be written: another process kept it locked for too long"):
            store.save_study(make_study())
        assert [] == store.studies()
    engine.dispose()


def test_a_full_disk_is_told_and_loses_nothing_that_was_acknowledged(path: Path) -> None:
    with SqlStore(f"sqlite:///{path}") as store:
        store.save_study(make_study())
        store.add_trials([make_trial(id="kept")])
        store._engine.dispose()
        event.listen(store._engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count = 12").close())
        with pytest.raises(StoreError, match=r"the disk is full\. Free some space"):
            store.add_trials(make_trial(id=str(number)) for number in range(100))
        assert ["kept"] == [trial.id for trial in store.trials()]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_store_in_memory_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="Give the path of a file"):
        open_store(url)


def test_a_url_that_is_none_is_refused() -> None:
    assert "is no URL of a database" in refusal("my store://x y")


def test_an_unknown_kind_of_database_is_refused() -> None:
    assert "Install the driver" in refusal("nosuchdatabase://host/name")


def test_passwords_are_not_shown() -> None:
    with pytest.raises(StoreError) as caught:
        open_store("nosuchdatabase://me:secret@host/name")
    assert "secret" not in str(caught.value)


def test_a_path_chosen_by_the_environment_is_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOPREC_DB", str(path))
    with open_store() as store:
        store.save_study(make_study())
    assert path.exists()


def test_the_default_is_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOPREC_DB", raising=False)
    for name in ("XDG_DATA_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    with open_store() as store:
        assert isinstance(store, Store)
        assert "autoprec.db" in repr(store)
    assert [Path("autoprec.db")] == [Path(each.name) for each in tmp_path.rglob("*.db")]
