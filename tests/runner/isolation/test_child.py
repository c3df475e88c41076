import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autoprec_runner.isolation.child import (
    ChildEndedError,
    ChildMemoryError,
    ChildProcess,
    ChildTimeoutError,
)
from autoprec_runner.isolation.forkserver import ForkServer

GIB = 2**30
PLENTY_SECONDS = 30


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        forkserver = ForkServer()
    yield forkserver
    forkserver.close()


def child(server: ForkServer, behaviour: str, *, limit: int = 4 * GIB) -> ChildProcess:
    return ChildProcess(server, f"children:{behaviour}", {}, memory_limit_bytes=limit)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


def test_a_child_answers(server: ForkServer) -> None:
    with child(server, "echo") as process:
        assert {"a": [1, 2]} == process.ask({"a": [1, 2]}, timeout_seconds=PLENTY_SECONDS)["echo"]


def test_several_children_live_side_by_side(server: ForkServer) -> None:
    with child(server, "echo") as one, child(server, "echo") as two:
        pids = {process.ask({}, timeout_seconds=PLENTY_SECONDS)["pid"] for process in (one, two, one)}
    assert 2 == len(pids)
    assert all(gone(pid) for pid in pids)


def test_an_exit_code_is_told(server: ForkServer) -> None:
    with child(server, "exits") as process, pytest.raises(ChildEndedError, match="exit code 3") as caught:
        process.ask({}, timeout_seconds=PLENTY_SECONDS)
    assert 3 == caught.value.exit_code


def test_a_segmentation_fault_is_told(server: ForkServer) -> None:
    with child(server, "segfaults") as process, pytest.raises(ChildEndedError, match="SIGSEGV"):
        process.ask({}, timeout_seconds=PLENTY_SECONDS)


def test_a_child_that_ignores_sigterm_is_killed_at_its_time_limit(server: ForkServer) -> None:
    started = time.monotonic()
    with child(server, "hangs_and_ignores_sigterm") as process, pytest.raises(ChildTimeoutError):
        process.ask({}, timeout_seconds=0.3)
    assert time.monotonic() - started < PLENTY_SECONDS
    assert process.closed


def test_a_flood_of_output_keeps_only_its_end(server: ForkServer) -> None:
    with child(server, "prints_100_megabytes") as process:
        process.ask({}, timeout_seconds=PLENTY_SECONDS)
    assert process.printed.endswith("last words\n")
    assert len(process.printed) <= 16_384


def test_a_child_over_its_memory_limit_is_ended(server: ForkServer) -> None:
    with child(server, "allocates", limit=GIB) as process, pytest.raises(ChildMemoryError, match="allowed"):
        process.ask({}, timeout_seconds=PLENTY_SECONDS)


def test_a_daemon_in_a_session_of_its_own_is_ended_with_its_trial(server: ForkServer) -> None:
    with child(server, "leaves_a_daemon") as process:
        daemon = process.ask({}, timeout_seconds=PLENTY_SECONDS)["daemon"]
        assert psutil.pid_exists(daemon)
    assert gone(daemon)


def test_a_child_that_closes_its_connection_is_killed(server: ForkServer) -> None:
    with child(server, "closes_its_connection") as process, pytest.raises(ChildEndedError, match="went on running"):
        process.ask({}, timeout_seconds=PLENTY_SECONDS)


def test_an_answer_that_is_nonsense_ends_the_child(server: ForkServer) -> None:
    with child(server, "answers_nonsense") as process, pytest.raises(ChildEndedError, match="something else than JSON"):
        process.ask({}, timeout_seconds=PLENTY_SECONDS)
    assert process.closed


def test_closing_the_server_ends_its_children() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        forkserver = ForkServer()
        process = child(forkserver, "echo")
        pid = process.ask({}, timeout_seconds=PLENTY_SECONDS)["pid"]
        forkserver.close()
    assert gone(pid)
    with pytest.raises(Exception, match="fork server is gone"):
        process.ask({}, timeout_seconds=PLENTY_SECONDS)


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import os, signal
        from autoprec_runner.isolation.child import ChildProcess
        from autoprec_runner.isolation.forkserver import ForkServer
        server = ForkServer()
        child = ChildProcess(server, "children:echo", {}, memory_limit_bytes=2**32)
        print(server._process.pid, child.ask({}, timeout_seconds=60)["pid"], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False, cwd=tmp_path
    )
    pids = [int(pid) for pid in ended.stdout.split()]
    assert 2 == len(pids), ended.stderr
    deadline = time.monotonic() + PLENTY_SECONDS
    while not all(gone(pid) or psutil.Process(pid).status() == "zombie" for pid in pids):
        assert time.monotonic() < deadline, "a process outlived its parent"
        os.sched_yield()
