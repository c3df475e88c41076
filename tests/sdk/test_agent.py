"""`autoprec agent` and the service that it reports to, on the command line."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from autoprec.cli import main
from autoprec_probe.agent.__main__ import main as agent


def test_once_prints_what_would_be_sent(capfd: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["agent", "--once"])
    shown = capfd.readouterr()
    assert ("", 1) == (shown.err, len(json.loads(shown.out)["reports"]))


@pytest.mark.parametrize("arguments", [["--help"], ["--interval", "0", "--once"], ["--unknown"]])
def test_it_is_the_same_as_the_agents_own_command(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code = main(["agent", *arguments])
    shown = capfd.readouterr()
    assert (code, *shown) == (agent(arguments), *capfd.readouterr())


ANYWHERE = "0.0.0.0"  # noqa: S104 (nothing is bound)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `autoprec serve` would have served, and where."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr("uvicorn.run", lambda app, **options: calls.append({"app": app, **options}))
    monkeypatch.delenv("AUTOPREC_TOKENS", raising=False)
    return calls


def test_the_service_stays_on_this_machine_without_a_token(
    served: list[dict[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert (2, []) == (main(["serve", "--host", ANYWHERE]), served)
    assert "Give --token or AUTOPREC_TOKENS" in capfd.readouterr().err
    assert 0 == main(["serve"])
    assert ["127.0.0.1"] == [each["host"] for each in served]


def test_with_tokens_it_serves_others_who_show_one(
    served: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 == main(["serve", "--host", ANYWHERE, "--token", "given"])
    monkeypatch.setenv("AUTOPREC_TOKENS", "one, two")
    assert 0 == main(["serve", "--host", ANYWHERE])

    def let_in(call: dict[str, Any]) -> list[str]:
        client = TestClient(call["app"])
        headers = {name: {"Authorization": f"Bearer {name}"} for name in ("given", "one", "two", "other")}
        return [name for name, shown in headers.items() if client.get("/openapi.json", headers=shown).is_success]

    assert [["given"], ["one", "two"]] == [let_in(each) for each in served]


def test_an_empty_token_is_refused(served: list[dict[str, Any]], capfd: pytest.CaptureFixture[str]) -> None:
    assert (2, []) == (main(["serve", "--token", ""]), served)
    assert "An empty token" in capfd.readouterr().err
