"""`autoprec run`: scripts in the precision that is named, known or measured."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from autoprec import Client
from autoprec.cli import main
from autoprec_probe import Candidate
from autoprec_service.store import open_store
from autoprec_service.testing.factories import make_study, make_trial
from autoprec_service.testing.process import ServiceProcess

Run = Callable[..., Any]

SCRIPT = """
import json
import sys

import autoprec

precision = autoprec.precision()
if "--engine" in sys.argv:
    engine = autoprec.Engine("auto", accelerator="cpu")
    precision = [engine.precision_plugin.precision, engine.matmul_precision]
print(json.dumps({"precision": precision, "arguments": sys.argv[1:], "name": __name__}))
sys.exit(7 if "fail" in sys.argv else 0)
"""
SIGNALS = """
import signal
import sys
import time
from pathlib import Path

def got(number, _):
    print(signal.Signals(number).name, flush=True)
    sys.exit(5)

for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(each, got)
print("ready", flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    print("SIGINT", flush=True)
    sys.exit(6)
"""


COUNTING = """
import signal

seen = []
signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
print("ready")
input()
print(len(seen), "interrupts")
raise SystemExit(4)
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "signals.py").write_text(SIGNALS)
    (tmp_path / "counting.py").write_text(COUNTING)
    (tmp_path / "careless.py").write_text("print('done')")
    (tmp_path / "killed.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    return tmp_path


@pytest.fixture
def run(
    scripts: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, Any, str]]:
    """Run `autoprec run` in this process, its script in another."""
    monkeypatch.chdir(scripts)

    def call(*arguments: str) -> tuple[int, Any, str]:
        code = main(["run", *arguments])
        shown = capfd.readouterr()
        return code, json.loads(shown.out) if shown.out.startswith("{") else shown.out, shown.err

    return call


@pytest.mark.parametrize(
    "arguments",
    [
        ["--precision", "bf16-mixed", "train.py", "--lr", "0.1", "-h"],
        ["--precision=bf16-mixed", "train.py", "--lr", "0.1", "-h"],
        ["train.py", "--lr", "0.1", "-h", "--precision=bf16-mixed"],
        ["train.py", "--precision", "bf16-mixed", "--lr", "0.1", "-h"],
    ],
)
def test_a_script_gets_the_precision_and_its_own_arguments(run: Run, arguments: list[str]) -> None:
    code, told, warned = run(*arguments)
    expected = {"precision": "bf16-mixed", "arguments": ["--lr", "0.1", "-h"], "name": "__main__"}
    assert (0, expected, "") == (code, told, warned)


def test_what_follows_two_dashes_is_the_scripts_alone(run: Run) -> None:
    _, told, _ = run("--precision", "16-mixed", "train.py", "--", "--precision", "64-true")
    assert ("16-mixed", ["--precision", "64-true"]) == (told["precision"], told["arguments"])


def test_an_engine_without_a_precision_takes_it(run: Run) -> None:
    assert ["bf16-true", None] == run("train.py", "--engine", "--precision", "bf16-true")[1]["precision"]


@pytest.mark.filterwarnings("ignore:precision=")
def test_an_alias_is_spelled_out(run: Run) -> None:
    assert "64-true" == run("--precision", "64", "train.py")[1]["precision"]


def test_the_exit_code_is_the_scripts(run: Run) -> None:
    assert 7 == run("--precision", "32-true", "train.py", "fail")[0]
    assert 128 + signal.SIGKILL == run("--precision", "32-true", "killed.py")[0]


def test_a_script_that_never_asks_is_told_of(run: Run) -> None:
    code, _, warned = run("--precision", "bf16-mixed", "careless.py")
    assert (0, True) == (code, "careless.py never asked for the precision bf16-mixed" in warned)
    assert "" == run("--quiet", "--precision", "bf16-mixed", "careless.py")[2]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train.py"], "--precision auto"),
        (["--precision", "bf17", "train.py"], "bf17"),
        (["train.py", "--precision"], "requires an argument"),
        (["missing.py", "--precision", "32-true"], "missing.py"),
        (["train.py", "--precision", "auto"], "--workload FILE.py:FACTORY"),
        (["--model", "a", "--workload", "b.py:c", "train.py", "--precision", "auto"], "One of them"),
        (["--model", "unknown", "train.py", "--precision", "auto"], "Nothing was measured of the model 'unknown'"),
        (["--url", "http://user:secret@host", "--precision", "32-true", "train.py"], "AUTOPREC_TOKEN"),
    ],
)
def test_a_call_that_cannot_be_honoured_says_what_is_allowed(run: Run, arguments: list[str], told: str) -> None:
    code, out, error = run(*arguments)
    assert (2, "", True, False) == (code, out, told in error, "secret" in error)


def measured(store: str, key: str, *, options: dict[str, Any]) -> None:
    """Let a store know that bf16-mixed is the best for a model on this machine."""
    with open_store(store) as opened:
        opened.save_study(make_study(status="complete", hardware_key=key))
        candidate = Candidate(precision="bf16-mixed", **options)
        trials = [make_trial(seconds=1.0), make_trial("bf16-mixed", seconds=0.5, id="best", candidate=candidate)]
        opened.add_trials(each.model_copy(update={"hardware_key": key}) for each in trials)


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str]) -> str:
    """The hardware key of this machine."""
    assert 0 == main(["probe", "--json"])
    key: str = json.loads(capfd.readouterr().out)["key"]
    return key


def test_auto_is_what_was_measured_here_of_a_model(run: Run, here: str) -> None:
    measured(os.environ["AUTOPREC_DB"], here, options={"matmul_precision": "medium"})
    code, told, said = run("--model", "model-a", "train.py", "--precision=auto", "--engine")
    assert (0, ["bf16-mixed", "medium"]) == (code, told["precision"])
    assert "train.py runs in bf16-mixed (matmul medium): measured here, confidence" in said


def test_auto_is_what_a_service_knows_of_a_model(run: Run, here: str, tmp_path: Path) -> None:
    measured(str(tmp_path / "service.db"), here, options={})
    with ServiceProcess(tmp_path / "service.db") as running, Client(running.url) as client:
        code, told, said = run("--url", running.url, "--model", "model-a", "train.py", "--precision", "auto")
        assert (0, "bf16-mixed") == (code, told["precision"])
        assert f"measured by {running.url}, confidence" in said
        ((reported),) = client.runs()
    assert ("train.py", "bf16-mixed", "model-a", "train") == (
        reported.workload,
        reported.precision,
        reported.model_fingerprint,
        reported.mode,
    )
    assert isinstance(reported.ended_at, datetime)


def test_a_run_whose_end_nobody_heard_is_delivered_later(
    run: Run, scripts: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with ServiceProcess(scripts / "service.db") as running:
        running.kill()
        monkeypatch.setenv("AUTOPREC_URL", running.url)
        code, _, warned = run("--precision", "32-true", "train.py")
        assert (0, True) == (code, "This run is not reported: The service at" in warned)
        running.start()
        assert 0 == main(["trials", "push"])
        assert capfd.readouterr().out.startswith("1 record delivered")
        with Client() as client:
            assert ["train.py"] == [each.workload for each in client.runs() if each.ended_at is not None]


@pytest.fixture
def started(scripts: Path, command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A script that waits for a signal."""
    with subprocess.Popen(
        [*command, "run", "--quiet", "--precision", "32-true", "signals.py"],
        cwd=scripts,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no thread of ours runs)
    ) as process:
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 5), (signal.SIGHUP, 5), (signal.SIGUSR1, 5), (signal.SIGINT, 6)]
)
def test_signals_are_passed_on(started: subprocess.Popen[str], number: signal.Signals, code: int) -> None:
    started.send_signal(number)
    out, _ = started.communicate()
    assert (f"{number.name}\n", code) == (out, started.returncode)


def test_a_terminals_ctrl_c_reaches_the_script_once(scripts: Path, command: list[str]) -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(scripts)
        os.execv(command[0], [*command, "run", "--quiet", "--precision", "32-true", "counting.py"])  # noqa: S606
    read_until(terminal, b"ready")
    os.write(terminal, b"\x03")
    read_until(terminal, b"^C")
    os.write(terminal, b"go on\n")
    shown = read_until(terminal, b"interrupts")
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert (4, True) == (os.waitstatus_to_exitcode(status), "1 interrupts" in shown)


def read_until(terminal: int, wanted: bytes) -> str:
    """Return what was shown up to `wanted`."""
    shown = b""
    while wanted not in shown:
        shown += os.read(terminal, 4096)
    return shown.decode()
