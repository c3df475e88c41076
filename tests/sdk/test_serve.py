"""`autoprec serve` and `autoprec token`, on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from autoprec.cli import main
from autoprec_service.settings import Settings

ANYWHERE = "0.0.0.0"  # noqa: S104 (nothing is bound)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*Settings.model_fields, "config"):
        monkeypatch.delenv(f"AUTOPREC_{name.upper()}", raising=False)
    path = tmp_path / "store.db"
    monkeypatch.setenv("AUTOPREC_DB", str(path))
    return path


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[FastAPI, Settings]]:
    """What `autoprec serve` would have served, and how."""
    calls: list[tuple[FastAPI, Settings]] = []
    monkeypatch.setattr("autoprec_service.web.server.serve", lambda app, settings: calls.append((app, settings)))
    return calls


def test_the_service_stays_on_this_machine_without_a_token(
    served: list[tuple[FastAPI, Settings]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert (2, []) == (main(["serve", "--host", ANYWHERE]), served)
    assert "give --token, AUTOPREC_TOKENS" in capfd.readouterr().err
    assert 0 == main(["serve"])
    assert [("127.0.0.1", 8321)] == [(settings.host, settings.port) for _, settings in served]


def test_with_tokens_it_serves_others_who_show_one(
    served: list[tuple[FastAPI, Settings]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 == main(["serve", "--host", ANYWHERE, "--token", "given"])
    monkeypatch.setenv("AUTOPREC_TOKENS", "one, two")
    assert 0 == main(["serve", "--host", ANYWHERE])

    def let_in(app: FastAPI) -> list[str]:
        headers = {name: {"Authorization": f"Bearer {name}"} for name in ("given", "one", "two", "other")}
        with TestClient(app) as client:
            return [name for name, shown in headers.items() if client.get("/openapi.json", headers=shown).is_success]

    assert [["given"], ["one", "two"]] == [let_in(app) for app, _ in served]


def test_what_is_given_goes_before_the_environment(
    served: list[tuple[FastAPI, Settings]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUTOPREC_PORT", "1")
    monkeypatch.setenv("AUTOPREC_RATE_LIMIT_PER_MINUTE", "7")
    assert 0 == main(["serve", "--port", "2", "--store", str(tmp_path / "other.db")])
    found = served[0][1]
    assert (2, 7, str(tmp_path / "other.db")) == (found.port, found.rate_limit_per_minute, found.db)


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--token", ""], {}, "An empty token"),
        ([], {"AUTOPREC_PORT": "many"}, "port: "),
        ([], {"AUTOPREC_CONFIG": "/none.toml"}, "cannot be read"),
        (["--tls-certificate", __file__], {}, "belong together"),
    ],
)
def test_what_cannot_work_is_told_in_one_paragraph(
    *,
    served: list[tuple[FastAPI, Settings]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    environment: dict[str, str],
    told: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (2, []) == (main(["serve", *arguments]), served)
    shown = capfd.readouterr().err
    assert told in shown
    assert "Traceback" not in shown


def said(capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert 0 == main(["token", *arguments, "--json"])
    return json.loads(capfd.readouterr().out)


def test_a_token_is_made_listed_and_revoked(
    served: list[tuple[FastAPI, Settings]], capfd: pytest.CaptureFixture[str]
) -> None:
    made = said(capfd, "create", "a laptop", "--scope", "read", "--days", "3", "--tenant", "team")
    assert ("team", ["read"], "command line") == (made["tenant"], made["scopes"], made["created_by"])
    secret = made.pop("token")
    assert [made] == said(capfd, "list")
    assert [made] == said(capfd, "list", "--tenant", "team")
    assert [] == said(capfd, "list", "--tenant", "default")
    main(["serve"])
    with TestClient(served[0][0]) as client:
        assert 200 == client.get("/trials", headers={"Authorization": f"Bearer {secret}"}).status_code
    assert said(capfd, "revoke", made["id"])["revoked_at"] is not None
    main(["serve"])
    with TestClient(served[1][0]) as client:
        assert 401 == client.get("/trials", headers={"Authorization": f"Bearer {secret}"}).status_code


def test_the_secret_alone_goes_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["token", "create", "an agent", "--scope", "report"])
    shown = capfd.readouterr()
    assert (1, True) == (len(shown.out.splitlines()), shown.out.startswith("ap_"))
    assert "nobody can show it again" in shown.err


def test_lists_are_for_people_too(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert 0 == main(["token", "list"])
    assert "autoprec token create" in capfd.readouterr().err
    main(["token", "create", "[bold]odd[/bold]"])
    secret = capfd.readouterr().out.strip()
    assert 0 == main(["token", "list"])
    shown = capfd.readouterr().out
    assert "[bold]odd" in shown
    assert secret[-43:] not in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", ""], "characters"),
        (["create", "x", "--tenant", "a b"], "tenant"),
        (["create", "x", "--scope", "write"], "read"),
        (["create", "x", "--days", "0"], "days"),
        (["revoke", "none"], "There is no token 'none'"),
    ],
)
def test_what_cannot_be_is_refused(capfd: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    assert 2 == main(["token", *arguments])
    assert told in capfd.readouterr().err
