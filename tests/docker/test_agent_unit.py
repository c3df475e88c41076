"""The agent as a systemd service."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autoprec_probe.agent.__main__ import USAGE, main

ANALYZE = shutil.which("systemd-analyze")
HARDENING = {
    "DynamicUser": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "DevicePolicy": "closed",
    "UMask": "0077",
}


@pytest.fixture
def unit(root: Path) -> Path:
    return root / "docker" / "autoprec-agent.service"


@pytest.fixture
def settings(unit: Path) -> dict[str, list[str]]:
    """The settings of the unit, each with its values in order: systemd allows several of one name."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_it_gives_away_as_little_as_it_can(settings: dict[str, list[str]]) -> None:
    assert HARDENING == {name: settings[name][0] for name in HARDENING}


def test_the_token_is_a_credential_and_the_spool_a_state_folder(settings: dict[str, list[str]]) -> None:
    assert ["token:/etc/autoprec/agent.token"] == settings["LoadCredential"]
    assert ["autoprec-agent"] == settings["StateDirectory"]
    assert "--token-file %d/token" in settings["ExecStart"][0]


def test_a_call_that_cannot_be_honoured_is_not_repeated(settings: dict[str, list[str]]) -> None:
    assert (["always"], [str(USAGE)]) == (settings["Restart"], settings["RestartPreventExitStatus"])


def test_its_options_are_those_of_the_agent(
    settings: dict[str, list[str]], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTOPREC_URL", raising=False)
    (tmp_path / "token").write_text("a-token")
    command = shlex.split(settings["ExecStart"][0].replace("%d", str(tmp_path)))
    assert ["-m", "autoprec_probe.agent"] == command[1:3]
    assert USAGE == main(command[3:])
    assert "AUTOPREC_URL" in capfd.readouterr().err


@pytest.mark.skipif(ANALYZE is None, reason="requires systemd-analyze")
def test_systemd_understands_it(unit: Path, tmp_path: Path) -> None:
    # The program stands elsewhere on this machine.
    placed = tmp_path / unit.name
    placed.write_text(unit.read_text().replace("/opt/autoprec/bin/python", sys.executable))
    done = subprocess.run([ANALYZE or "", "verify", placed], capture_output=True, text=True, check=False)
    assert (0, []) == (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line])
