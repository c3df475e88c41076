"""What the agent accepts to be told."""

import os
from pathlib import Path

import pytest

from autoprec_probe.agent.settings import (
    Settings,
    SettingsError,
    checked_interval,
    checked_node,
    checked_url,
    default_spool,
    token_source,
)


@pytest.mark.parametrize(
    "url", ["http://localhost:8321", "https://autoprec.example.org", "https://h/prefix/", "http://[::1]:1"]
)
def test_an_address_is_taken(url: str) -> None:
    assert url == checked_url(url).geturl()


@pytest.mark.parametrize(
    "url",
    ["", None, "localhost:8321", "ftp://h", "https://", "http://h:port", "http://h?x=1", "http://h#x", "http://["],
)
def test_what_is_no_address_is_refused_with_an_example(url: str | None) -> None:
    with pytest.raises(SettingsError, match=r"https://autoprec\.example\.org|AUTOPREC_URL"):
        checked_url(url)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        checked_url("https://me:secret@h")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["node-1", "gpu_7.example.org", "A", "x" * 253])
def test_a_host_name_is_a_name(name: str) -> None:
    assert name == checked_node(name)


@pytest.mark.parametrize("name", ["..", "a/b", "a b", "-a", "x" * 254, "ü", "a\n", "a\0"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="--name"):
        checked_node(name)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon", "1e9", ""])
def test_other_intervals_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"0\.05 to 86400 seconds"):
        checked_interval(text)


@pytest.mark.parametrize("token", ["a b", "a\nb", "ä", "\x7f"])
def test_a_token_that_cannot_travel_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(SettingsError, match="cannot travel") as caught:
        token_source(token, None)
    assert token not in str(caught.value)


def test_a_token_file_is_read_anew_when_it_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    token = token_source(None, str(file))
    assert "one" == token()
    file.write_text("two\n")
    assert "two" == token()
    file.unlink()
    assert "two" == token()


def test_a_token_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        token_source(None, str(tmp_path / "token"))


def test_two_tokens_are_one_too_many() -> None:
    with pytest.raises(SettingsError, match="choose"):
        token_source("a", "file")


def test_no_token_is_allowed() -> None:
    assert token_source("", None)() is None


@pytest.mark.parametrize(
    ("url", "token", "warned"),
    [
        ("http://example.org", "t", True),
        ("http://example.org", None, False),
        ("https://example.org", "t", False),
        ("http://localhost:1", "t", False),
        ("http://127.0.0.1", "t", False),
    ],
)
def test_a_token_over_plain_http_to_another_machine_is_a_warning(url: str, token: str | None, *, warned: bool) -> None:
    settings = Settings(
        url=checked_url(url), token=token_source(token, None), node="n", interval_seconds=1, spool=Path()
    )
    assert warned == (settings.warning is not None)


def test_settings_do_not_show_their_token() -> None:
    settings = Settings(
        url=checked_url("http://h"), token=token_source("secret", None), node="n", interval_seconds=1, spool=Path()
    )
    assert "secret" not in repr(settings)


def test_the_state_folder_of_a_unit_holds_the_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/autoprec-agent")
    assert Path("/var/lib/autoprec-agent/spool") == default_spool()


def test_else_it_is_in_the_users_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    for name in ("XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    assert default_spool().is_relative_to(tmp_path)
    assert os.sep not in default_spool().name
