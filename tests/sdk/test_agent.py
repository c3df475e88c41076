"""`autoprec agent` and the service that it reports to, on the command line."""

import json

import pytest

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
