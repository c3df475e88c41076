"""Real agents and a real service that is killed under them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoprec_service.store import SqlStore, Store
from autoprec_service.testing.process import ServiceProcess

AGENTS = ("one", "other")
KILLS = 3
PATIENCE_SECONDS = 60


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with SqlStore(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def service(tmp_path: Path, store: Store) -> Iterator[ServiceProcess]:
    assert [] == store.nodes()
    with ServiceProcess(tmp_path / "store.db", tokens=["secret"]) as running:
        yield running


@pytest.fixture
def agents(tmp_path: Path, service: ServiceProcess) -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    def start(name: str) -> "subprocess.Popen[str]":
        options = ("--url", service.url, "--name", name, "--spool", str(tmp_path / "spool"), "--interval", "0.05")
        command = [sys.executable, "-m", "autoprec_probe.agent", *options]
        return subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=os.environ | {"AUTOPREC_TOKEN": "secret"}
        )

    started = {name: start(name) for name in AGENTS}
    yield started
    for each in started.values():
        with each:
            each.kill()


def said(agent: "subprocess.Popen[str]", words: str) -> None:
    assert agent.stderr is not None
    assert any(words in line for line in agent.stderr), f"The agent ended and never said {words!r}."


def test_a_service_that_is_killed_again_and_again_gets_every_report_once(
    service: ServiceProcess, store: Store, agents: dict[str, "subprocess.Popen[str]"]
) -> None:
    for _ in range(KILLS):
        before = {name: len(store.reports(name)) for name in AGENTS}
        while any(len(store.reports(name)) < before[name] + 3 for name in AGENTS):
            assert [None, None] == [each.poll() for each in agents.values()]
        service.kill()
        for each in agents.values():
            said(each, "The service is away")
        service.start()
        for each in agents.values():
            said(each, "The service takes reports again")
    for name, agent in agents.items():
        agent.send_signal(signal.SIGTERM)
        _, told = agent.communicate(timeout=PATIENCE_SECONDS)
        made = re.search(r"Stopped after (\d+) reports; 0 wait", told)
        assert made is not None
        assert list(range(1, int(made[1]) + 1)) == [each.sequence for each in store.reports(name)]
