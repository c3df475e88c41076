from pathlib import Path
from typing import Any

import pytest

from autoprec_service.errors import SettingsError
from autoprec_service.settings import CONFIG_VARIABLE, Settings, load_settings

ANYWHERE = "0.0.0.0"  # noqa: S104 (nothing is bound)
DOCS = Path(__file__).parents[2] / "docs" / "service.md"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"AUTOPREC_{name.upper()}", raising=False)
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "autoprec.toml"
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    return path


def test_a_call_goes_before_the_environment_and_that_before_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('port = 1\nlog_format = "json"\nhost = "file"\ntrusted_proxies = ["10.0.0.0/8"]\n')
    monkeypatch.setenv("AUTOPREC_PORT", "2")
    monkeypatch.setenv("AUTOPREC_HOST", "environment")
    found = load_settings(port=3, host=None)
    assert (3, "environment", "json", ("10.0.0.0/8",)) == (
        found.port,
        found.host,
        found.log_format,
        found.trusted_proxies,
    )


def test_lists_are_separated_by_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOPREC_TOKENS", " one, two,,")
    assert ("one", "two") == load_settings().admin_tokens()


def test_the_admin_token_may_be_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from the file\n")
    assert ("from the file",) == load_settings(admin_token_file=secret).admin_tokens()
    assert ("direct",) == load_settings(admin_token="direct").admin_tokens()  # noqa: S106


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_of_a_token_is_refused(tmp_path: Path, content: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(content)
    with pytest.raises(SettingsError, match="is empty"):
        load_settings(admin_token_file=secret).admin_tokens()
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(admin_token_file=tmp_path / "none").admin_tokens()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"port": 70_000}, "port: "),
        ({"log_format": "xml"}, "'text' or 'json'"),
        ({"max_body_bytes": 1}, "max_body_bytes"),
        ({"tls_key": "key.pem"}, "belong together"),
        ({"admin_token": "a-secret", "admin_token_file": "file"}, "give one of them"),
        ({"unknown": 1}, "unknown: "),
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_values(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(**given)
    assert told in str(error.value)
    assert "a-secret" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"), [(None, "cannot be read"), ("port =", "is not TOML"), ("prot = 1", "prot")]
)
def test_a_file_that_is_not_right_is_refused(config: Path, content: str | None, told: str) -> None:
    if content is not None:
        config.write_text(content)
    with pytest.raises(SettingsError, match=told):
        load_settings()


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), (ANYWHERE, False), ("::", False),
     ("example.org", False)],
)  # fmt: skip
def test_what_only_this_machine_can_reach(host: str, *, expected: bool) -> None:
    assert expected == Settings(host=host).on_loopback


def test_a_token_never_shows_in_what_is_printed() -> None:
    assert "hidden" not in repr(load_settings(admin_token="hidden", tokens=("hidden",)))  # noqa: S106


def test_the_docs_tell_every_setting() -> None:
    told = DOCS.read_text(encoding="utf-8")
    assert [] == [name for name in Settings.model_fields if f"`AUTOPREC_{name.upper()}`" not in told]
