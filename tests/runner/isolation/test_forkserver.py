import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from autoprec_runner.errors import TrialError
from autoprec_runner.isolation import forkserver as module
from autoprec_runner.isolation.child import ChildProcess
from autoprec_runner.isolation.forkserver import ForkServer, ForkServerGoneError, shared_forkserver

PLENTY_SECONDS = 30
GIB = 2**30


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        forkserver = ForkServer()
    yield forkserver
    forkserver.close()


def child(server: ForkServer) -> ChildProcess:
    return ChildProcess(server, "children:echo", {}, memory_limit_bytes=4 * GIB)


def interrupted_once(server: ForkServer, patch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C come while the next answer is being waited for."""
    receive: Callable[[], dict[str, Any]] = server._receive

    def interrupted() -> dict[str, Any]:
        patch.setattr(server, "_receive", receive)
        raise KeyboardInterrupt

    patch.setattr(server, "_receive", interrupted)


def test_an_answer_that_ctrl_c_kept_from_being_read_is_not_taken_for_the_next(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with child(server) as process:
        interrupted_once(server, monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            server.ended(process._pid)
        assert {"a": 1} == process.ask({"a": 1}, timeout_seconds=PLENTY_SECONDS)["echo"]
        assert not server.ended(process._pid)


def test_children_find_loaded_what_the_server_was_told_to_import(server: ForkServer) -> None:
    unknown = [f"no_such_module_{number}" for number in range(1000)]  # more than fit into one request
    server.preload([*unknown, "colorsys"])
    with ChildProcess(server, "children:tells_what_is_loaded", {}, memory_limit_bytes=4 * GIB) as process:
        assert "colorsys" in process.ask({}, timeout_seconds=PLENTY_SECONDS)["modules"]


def test_a_child_whose_start_was_interrupted_does_not_stay(server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_once(server, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        child(server)
    with child(server):
        pass
    assert [] == psutil.Process(server._process.pid).children()


def test_a_child_whose_end_was_interrupted_can_be_ended_again(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = child(server)
    interrupted_once(server, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        process.close()
    assert not process.closed
    process.close()
    process.close()
    assert process.closed
    assert [] == psutil.Process(server._process.pid).children()


def test_a_child_that_was_killed_counts_as_ended_and_its_pid_is_left_alone(server: ForkServer) -> None:
    process = child(server)
    process.close()
    assert server.ended(process._pid)
    assert server.kill(process._pid) == process._exit_code


def test_a_request_that_is_too_long_is_refused_and_harms_nothing(server: ForkServer) -> None:
    with pytest.raises(TrialError, match="too long"):
        ChildProcess(server, "children:echo", {"text": "x" * 100_000}, memory_limit_bytes=GIB)
    with child(server) as process:
        assert process.ask({}, timeout_seconds=PLENTY_SECONDS)


def test_a_child_of_a_server_that_was_killed_counts_as_ended() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        forkserver = ForkServer()
        process = child(forkserver)
        process.ask({}, timeout_seconds=PLENTY_SECONDS)
        forkserver._process.kill()
        forkserver._process.wait()
        with pytest.raises(ForkServerGoneError):
            process.ask({}, timeout_seconds=PLENTY_SECONDS)
    assert process.closed
    forkserver.close()
    assert not forkserver.folder.exists()


def test_a_server_that_cannot_load_its_modules_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("import a_module_that_is_missing", encoding="ascii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        forkserver = ForkServer()
    with pytest.raises(TrialError, match="No module named 'a_module_that_is_missing'"):
        forkserver.is_ready_within(PLENTY_SECONDS)
    forkserver.close()


def test_waiting_for_a_server_ends_in_time() -> None:
    forkserver = ForkServer()
    assert not forkserver.is_ready_within(0.0)
    assert forkserver.is_ready_within(PLENTY_SECONDS)
    assert forkserver.is_ready_within(0.0)
    forkserver.close()


def test_a_server_removes_its_folder_when_it_ends() -> None:
    forkserver = ForkServer()
    forkserver.is_ready_within(PLENTY_SECONDS)
    (forkserver.folder / "study").mkdir(parents=True)
    forkserver.close()
    assert not forkserver.folder.exists()
    assert str(forkserver.folder).startswith(str(Path(tempfile.gettempdir()).absolute()))


def test_the_shared_server_is_one_and_replaced_once_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_shared", None)
    first = shared_forkserver()
    assert first is shared_forkserver()
    first.close()
    second = shared_forkserver()
    assert first is not second
    second.close()


def test_a_fork_of_this_process_does_not_use_its_server(server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.alive
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    assert not server.alive
