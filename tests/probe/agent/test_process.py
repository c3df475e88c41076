"""The agent as a process: signals, exit codes, full disks, and what it loads."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from autoprec_probe.agent.report import Report, ReportBatch

TOKEN = "a-token-that-nobody-may-see"  # noqa: S105 (made up)
PATIENCE_SECONDS = 60
COMMAND = (sys.executable, "-m", "autoprec_probe.agent")

Agent = subprocess.Popen[str]
Start = Callable[..., Agent]


class Service:
    """A real HTTP server that keeps what it is sent."""

    def __init__(self) -> None:
        self.batches: Queue[ReportBatch] = Queue()
        self.status = 200
        keep = self._keep

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                status, receipt = keep(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                self.send_header("Content-Length", str(len(receipt)))
                self.end_headers()
                self.wfile.write(receipt)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _keep(self, body: bytes) -> tuple[int, bytes]:
        batch = ReportBatch.model_validate_json(body)
        if self.status == 200:
            self.batches.put(batch)
        return self.status, json.dumps({"stored": len(batch.reports), "known": 0}).encode()

    def reports(self, number: int) -> list[Report]:
        """Return the next reports, waiting for as many."""
        found: list[Report] = []
        while len(found) < number:
            found += self.batches.get(timeout=PATIENCE_SECONDS).reports
        return found

    def rest(self) -> list[Report]:
        """Return what has arrived and was not asked for."""
        return [report for _ in range(self.batches.qsize()) for report in self.batches.get().reports]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    opened = Service()
    yield opened
    opened.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Agent] = []

    def run(*arguments: str, before: tuple[str, ...] = (), **variables: str) -> Agent:
        command = [
            *before,
            *COMMAND,
            "--name",
            "node",
            "--spool",
            str(tmp_path / "spool"),
            "--interval",
            "0.05",
            *arguments,
        ]
        process = subprocess.Popen(command, env=os.environ | variables, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for each in started:
        with each:
            each.kill()


def said(process: Agent, words: str) -> str:
    """Return the next line with these words, waiting for it."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    pytest.fail(f"The agent ended and never said {words!r}.")


def stopped(process: Agent, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    process.send_signal(number)
    _, told = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, told


def nobody() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def spooled(folder: Path) -> list[str]:
    return sorted(each.name for each in (folder / "spool" / "node").glob("*.json"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0_and_nothing_left(
    start: Start, service: Service, tmp_path: Path, number: signal.Signals
) -> None:
    agent = start("--url", service.url)
    reports = service.reports(5)
    code, told = stopped(agent, number)
    reports += service.rest()
    assert (0, []) == (code, spooled(tmp_path))
    assert f"Stopped after {len(reports)} reports; 0 wait" in told
    assert list(range(1, len(reports) + 1)) == [each.sequence for each in reports]
    assert reports[0].profile is not None


def test_what_cannot_be_delivered_waits_for_the_next_run(start: Start, service: Service, tmp_path: Path) -> None:
    agent = start("--url", nobody())
    said(agent, "The service is away")
    assert 0 == stopped(agent)[0]
    waiting = spooled(tmp_path)
    agent = start("--url", service.url)
    reports = service.reports(len(waiting) + 2)
    stopped(agent)
    assert [each[-37:-5] for each in waiting] == [each.id for each in reports[: len(waiting)]]
    assert [] == spooled(tmp_path)


def test_a_process_that_is_killed_leaves_its_spool_to_the_next(start: Start, service: Service, tmp_path: Path) -> None:
    agent = start("--url", nobody())
    said(agent, "The service is away")
    while len(spooled(tmp_path)) < 5:
        assert agent.poll() is None
    agent.kill()
    agent.communicate()
    waiting = spooled(tmp_path)
    agent = start("--url", service.url)
    assert {each[-37:-5] for each in waiting} <= {each.id for each in service.reports(len(waiting))}
    stopped(agent)


def test_an_outage_is_survived(start: Start, service: Service) -> None:
    agent = start("--url", service.url)
    reports = service.reports(2)
    service.status = 503
    said(agent, "The service is away (HTTP 503")
    service.status = 200
    said(agent, "The service takes reports again")
    reports += service.reports(2)
    stopped(agent)
    reports += service.rest()
    assert list(range(1, len(reports) + 1)) == [each.sequence for each in reports]


NO_ROOM = ("sh", "-c", 'ulimit -f 0 && exec "$@"', "sh")
"""Runs a command that may write no byte to any file: that fails as on a full disk, for root, too."""


def test_a_full_disk_is_said_once_and_survived(start: Start, service: Service, tmp_path: Path) -> None:
    service.status = 503
    agent = start("--url", service.url, before=NO_ROOM)
    line = said(agent, "cannot be used")
    assert "the latest reports are kept in memory" in line
    service.status = 200
    told = said(agent, "The service takes reports again")
    reports = service.reports(3)
    code, rest = stopped(agent)
    assert (0, []) == (code, spooled(tmp_path))
    assert "cannot be used" not in told + rest
    assert [1, 2, 3] == [each.sequence for each in reports[:3]]


def test_a_spool_that_is_no_folder_is_survived(start: Start, service: Service, tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    agent = start("--url", service.url)
    said(agent, "cannot be used (Not a directory)")
    assert [1, 2, 3] == [each.sequence for each in service.reports(3)[:3]]
    assert 0 == stopped(agent)[0]


def test_what_is_lost_with_the_memory_is_said(start: Start, tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    agent = start("--url", nobody())
    said(agent, "The service is away")
    code, told = stopped(agent)
    assert 0 == code
    assert "lost with the memory of this process" in told


def test_the_token_is_shown_to_nobody_but_the_service(start: Start, service: Service) -> None:
    service.status = 401
    agent = start("--url", service.url, AUTOPREC_TOKEN=TOKEN)
    line = said(agent, "The service refuses the agent (HTTP 401")
    code, told = stopped(agent)
    assert 0 == code
    assert TOKEN not in line + told


def test_two_agents_do_not_share_a_spool(start: Start, service: Service) -> None:
    first = start("--url", service.url)
    service.reports(1)
    second = start("--url", service.url)
    _, told = second.communicate(timeout=PATIENCE_SECONDS)
    assert (2, True) == (second.returncode, "Another agent uses the spool" in told)
    stopped(first)


def once(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, "--once", *arguments]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)


def test_once_prints_what_would_be_sent_and_needs_no_service(tmp_path: Path) -> None:
    done = once("--spool", str(tmp_path / "spool"))
    assert (0, "") == (done.returncode, done.stderr)
    (report,) = ReportBatch.model_validate_json(done.stdout).reports
    assert report.profile is not None
    assert report.telemetry is not None
    assert not (tmp_path / "spool").exists()


@contextmanager
def closed_pipe() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


def test_once_into_a_pipe_that_is_closed_is_no_traceback() -> None:
    with closed_pipe() as pipe:
        done = subprocess.run([*COMMAND, "--once"], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    assert (1, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--url URL, or AUTOPREC_URL"),
        (["--url", "nowhere"], "is no address of a service"),
        (["--url", "http://h", "--name", "a/b"], "cannot be the name of a node"),
        (["--url", "http://h", "--interval", "0"], "The interval '0'"),
        (["--url", "http://h", "--token-file", "/nonexistent"], "cannot be read"),
        (["--tokn", TOKEN], "unknown option --tokn"),
        ([f"--tokn={TOKEN}"], "unknown option --tokn"),
    ],
)
def test_a_call_that_cannot_be_honoured_is_exit_code_2_with_the_way_out(arguments: list[str], told: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTOPREC_")}
    done = subprocess.run([*COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert (2, "") == (done.returncode, done.stdout)
    assert told in done.stderr
    assert TOKEN not in done.stderr
    assert "Traceback" not in done.stderr


def test_it_loads_nothing_heavy() -> None:
    program = """
import contextlib, io, sys
from autoprec_probe.agent.__main__ import main
with contextlib.redirect_stdout(io.StringIO()):
    assert main(["--once"]) == 0
print(sorted({"autoprec", "httpx", "numpy", "psutil", "rich", "sqlalchemy", "torch"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
