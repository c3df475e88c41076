"""Which store is opened where none is named."""

from pathlib import Path

import pytest

from autoprec_service.errors import StoreError
from autoprec_service.store.location import place_url


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AUTOPREC_DB", raising=False)
    monkeypatch.setenv("AUTOPREC_CONFIG", str(tmp_path / "service.toml"))


def test_it_is_the_one_of_the_services_settings(tmp_path: Path) -> None:
    (tmp_path / "service.toml").write_text('db = "postgresql+psycopg://autoprec:secret@postgres/autoprec"\n')
    assert ("postgres", "secret") == (place_url().host, place_url().password)


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "service.toml").write_text('db = "/from/the/file.db"\n')
    monkeypatch.setenv("AUTOPREC_DB", "/from/the/environment.db")
    assert "/from/the/environment.db" == place_url().database


def test_settings_that_name_none_leave_it_in_the_users_folder(tmp_path: Path) -> None:
    (tmp_path / "service.toml").write_text("port = 8000\n")
    assert "autoprec.db" == Path(str(place_url().database)).name


@pytest.mark.parametrize("text", [None, "db = [", "\x00"])
def test_settings_that_cannot_be_read_are_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "service.toml").write_text(text)
    with pytest.raises(StoreError, match=r"service\.toml of AUTOPREC_CONFIG does not tell the store"):
        place_url()
