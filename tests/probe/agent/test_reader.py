"""What the agent reads only once."""

import pytest

from autoprec_probe.agent.reader import AgentReader
from autoprec_probe.errors import ReaderError
from autoprec_probe.reader import HostReader


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AgentReader, "_told", {})


def test_a_script_is_run_once_for_all_readers() -> None:
    script = "import os; print(os.getpid())"
    first = AgentReader().python(script)
    assert first is not None
    assert first == AgentReader().python(script)


def test_a_script_that_did_not_end_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def hang(_: HostReader, script: str) -> str:
        asked.append(script)
        raise ReaderError("did not answer")

    monkeypatch.setattr(HostReader, "python", hang)
    for _ in range(2):
        with pytest.raises(ReaderError, match="did not answer"):
            AgentReader().python("import torch")
    assert ["import torch"] == asked
