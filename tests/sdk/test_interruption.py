"""Ctrl-C in a real study: the best answer so far, nothing left behind, and a second run that goes on."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

Arguments = tuple[str, ...]
Leftovers = Callable[[str], list[Path]]


@pytest.fixture
def surroundings(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    (tmp_path / "temporary").mkdir()
    return {
        **environment,
        "AUTOPREC_DB": str(tmp_path / "interrupted.db"),
        "TMPDIR": str(tmp_path / "temporary"),
        "TERM": "xterm",
    }


def _listen_to_ctrl_c() -> None:
    """Take Ctrl-C as a terminal's foreground job does, also where the tests run as a background job that ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def started(command: list[str], folder: Path, surroundings: dict[str, str]) -> Iterator[tuple[Any, int]]:
    """Start a command with a terminal for its stderr; yield the process and the terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        preexec_fn=_listen_to_ctrl_c,  # noqa: PLW1509 (nothing of ours runs in other threads here)
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        os.close(ours)


def read_until(terminal: int, wanted: bytes) -> str:
    """Return what was shown up to `wanted`, or to the end."""
    shown = b""
    while wanted not in shown:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # Linux says so where the other side has closed the terminal
            break
    return shown.decode(errors="replace")


def interrupt(process: Any, terminal: int) -> tuple[str, str, list[psutil.Process]]:
    """Press Ctrl-C; return what is printed and shown until the end, and who is left."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    shown = read_until(terminal, b"\0")
    out = process.stdout.read()
    process.wait()
    psutil.wait_procs(family, timeout=10)
    return out, shown, [each for each in family if each.is_running()]


def test_in_the_middle_of_a_study(
    command: list[str], question: Arguments, folder: Path, surroundings: dict[str, str], leftovers: Leftovers
) -> None:
    with started([*command, *question, "--json"], folder, surroundings) as (process, terminal):
        shown = read_until(terminal, b" ok ")
        out, _, left = interrupt(process, terminal)
    first = json.loads(out)
    assert "32-true" in shown
    assert "s left" in shown
    assert (0, [], []) == (process.returncode, left, leftovers(surroundings["TMPDIR"]))
    assert (True, "32-true", "interrupted") == (first["interrupted"], first["precision"], first["study"]["status"])

    done = subprocess.run(
        [*command, *question, "--json"], cwd=folder, env=surroundings, capture_output=True, text=True, check=True
    )
    second = json.loads(done.stdout)
    assert ("complete", False) == (second["study"]["status"], second["interrupted"])
    assert first["study"]["id"] == second["study"]["id"]
    assert first["trials"] == second["trials"][: len(first["trials"])]
    assert {"32-true", "bf16-mixed"} == {each["candidate"]["precision"] for each in second["trials"]}


def test_before_anything_was_measured(
    command: list[str], folder: Path, surroundings: dict[str, str], tmp_path: Path, leftovers: Leftovers
) -> None:
    loading = tmp_path / "loading"
    os.mkfifo(loading)
    surroundings["LOADING"] = str(loading)
    with started([*command, "suggest", "factories.py:waiting"], folder, surroundings) as (process, terminal):
        assert "now" == loading.read_text()
        out, shown, left = interrupt(process, terminal)
    assert (130, "", []) == (process.returncode, out, left)
    assert "Interrupted before anything was measured." in shown
    assert [] == leftovers(surroundings["TMPDIR"])
