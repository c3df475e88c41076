"""What cannot be honoured: one paragraph on stderr that says what is allowed, and exit code 2."""

import math
import os
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import autoprec
from autoprec import Candidate
from autoprec.cli import main
from autoprec_probe.errors import ProbeError
from autoprec_runner.errors import RunnerError
from autoprec_service.errors import StoreTooNewError
from autoprec_service.store import open_store

TINY = "factories.py:tiny"
BATCH = (torch.ones(8, 4), torch.ones(8, 2))


@pytest.fixture(autouse=True)
def _among_the_factories(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def assert_refused(capfd: pytest.CaptureFixture[str], message: str, *arguments: str) -> None:
    code = main([*arguments])
    out, err = capfd.readouterr()
    assert (2, "") == (code, out), err
    assert re.search(message, err), err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--candidates", "bf16-mixd,32-true"], r"Unknown precision 'bf16-mixd'\. Did you mean 'bf16-mixed'\? Valid"),
        (["--candidates", "nope"], r"Valid precisions: 32-true, bf16-mixed.*aliases"),
        (["--candidates", ""], "Unknown precision ''"),
        (["--max-memory", "lots"], "max_memory='lots' is not a size of memory"),
        (["--max-memory", "-1GiB"], "max_memory='-1GiB' is not a size of memory"),
        (["--budget", "-1"], r"budget=-1\.0 is not a number of seconds above 0"),
        (["--budget", "0"], r"budget=0\.0 is not a number of seconds above 0"),
        (["--budget", "nan"], "budget=nan is not a number of seconds above 0"),
        (["--budget", "soon"], "'soon' is not a valid float"),
        (["--tolerance", "-0.1"], r"tolerance=-0\.1 is not a share of 0 or more"),
        (["--objective", "glory"], "'glory' is not one of 'throughput', 'memory'"),
        (["--mode", "sleep"], "'sleep' is not one of 'train', 'inference'"),
        (["--device", "abacus"], r"device='abacus' is not on this machine\. Here: auto, .*cpu"),
        (["--seed", "-1"], "seed=-1 is not a whole number from 0"),
        (["--strategy", "ddp"], "'ddp' is not one of 'single', 'fsdp', 'deepspeed'"),
        (["--devices", "2"], "devices=2 is not available with strategy='single'"),
        (["--strategy", "fsdp", "--devices", "0"], "devices=0 is not a number of processes"),
    ],
)
def test_an_option_that_cannot_be_honoured(
    capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert_refused(capfd, message, "suggest", TINY, *arguments)


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        ("nowhere.py:tiny", r"nowhere\.py:tiny: there is no file .*nowhere\.py"),
        ("no_such_module:tiny", "there is no module 'no_such_module'"),
        ("factories.py", r"Malformed workload reference 'factories\.py'\. Write"),
        ("factories.py:", "Malformed workload reference"),
        ("factories.py:tny", r"there is no 'tny'\. Did you mean 'tiny'\? Callables there: .*misfit.*tiny"),
        ("factories.py:number", r"number returned an object of type int\. A factory returns an nn\.Module"),
        ("factories.py:raising", r"raising raised an error:(.|\n)*KeyError: 'no such checkpoint'"),
        ("factories.py:misfit", r"The batch does not fit the model(.|\n)*float32\[8, 5\](.|\n)*in_features=16"),
        ("factories.py:vector_loss", r"The loss is float32\[8\], not a scalar\. Reduce it"),
    ],
)
def test_a_workload_that_makes_no_step(capfd: pytest.CaptureFixture[str], workload: str, message: str) -> None:
    assert_refused(capfd, message, "suggest", workload, "--budget", "60")


@pytest.mark.parametrize("command", ["suggest", "trials", "export", "import"])
def test_a_store_that_is_a_folder(capfd: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    argument = {"suggest": [TINY], "export": ["-"], "import": ["-"]}.get(command, [])
    message = r"The store .* is a folder\. Give the path of a file, such as .*autoprec\.db"
    assert_refused(capfd, message, command, *argument, "--store", str(tmp_path))


def test_a_store_that_is_something_else(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, and long enough for one to look at it. " * 50)
    assert_refused(
        capfd, "is not an autoprec store. It was left as it is", "suggest", TINY, "--store", str(tmp_path / "notes.txt")
    )


def test_a_store_below_a_file(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(
        capfd, "The folder of the store .* cannot be made", "trials", "--store", str(tmp_path / "file" / "s.db")
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_store_in_a_folder_that_cannot_be_written(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert_refused(capfd, "AUTOPREC_DB", "trials", "--store", str(tmp_path / "closed" / "s.db"))


def test_a_store_of_a_newer_version(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "newer.db"
    open_store(path).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    monkeypatch.setenv("AUTOPREC_DB", str(path))
    assert_refused(capfd, "was written by a newer autoprec", "suggest", TINY)
    with pytest.raises(StoreTooNewError):
        autoprec.suggest(TINY)


def test_a_file_that_cannot_be_read_or_written(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no" / "file")
    assert_refused(capfd, f"The file {nowhere} cannot be written", "export", nowhere)
    assert_refused(capfd, f"The file {nowhere} cannot be read", "import", nowhere)
    assert_refused(capfd, f"The file {tmp_path} cannot be written", "export", str(tmp_path))


def test_an_unknown_command(capfd: pytest.CaptureFixture[str]) -> None:
    assert_refused(capfd, "No such command 'sugest'", "sugest")


def test_a_line_that_cannot_be_imported_is_told(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("not json\n")
    assert 2 == main(["import", str(tmp_path / "bad.jsonl")])
    told = capfd.readouterr().out
    assert told.startswith("0 new, 0 already there, 1 refused.\nline 1: The line is not JSON")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"candidates": ["nope"]}, "Unknown precision 'nope'.*Valid precisions: 32-true"),
        ({"candidates": [torch.bfloat16]}, "Unknown precision 'torch.bfloat16'.*Valid precisions"),
        ({"candidates": "bf16-mixed"}, r"candidates='bf16-mixed' is not a list.*candidates=\['32-true'\]"),
        ({"candidates": 16}, "candidates=16 is not a list"),
        ({"candidates": [Candidate(precision="32-true", strategy="fsdp")]}, "has another strategy than the study"),
        ({"max_memory": "lots"}, "max_memory='lots' is not a size"),
        ({"max_memory": 0}, "max_memory=0 is not a size"),
        ({"budget": -1}, "budget=-1 is not"),
        ({"budget": 0}, "budget=0 is not"),
        ({"budget": math.nan}, "budget=nan is not"),
        ({"budget": math.inf}, "budget=inf is not"),
        ({"budget": "60"}, "budget='60' is not"),
        ({"tolerance": -0.1}, "tolerance=-0.1 is not"),
        ({"tolerance": math.inf}, "tolerance=inf is not"),
        ({"tolerance": "tight"}, "tolerance='tight' is not"),
        ({"objective": "glory"}, "objective='glory' is not available. Allowed: throughput, memory"),
        ({"mode": "sleep"}, "mode='sleep' is not available. Allowed: train, inference"),
        ({"strategy": "ddp"}, "strategy='ddp' is not available. Allowed: single, fsdp, deepspeed"),
        ({"device": "abacus"}, "device='abacus' is not on this machine"),
        ({"devices": 2}, "devices=2 is not available with strategy='single'"),
        ({"devices": 2, "strategy": "xla"}, "devices=2 is not available with strategy='xla', which runs one process"),
        ({"devices": 0, "strategy": "fsdp"}, "devices=0 is not a number of processes"),
        ({"devices": True}, "devices=True is not a number of processes"),
        ({"seed": 2**32}, "seed=4294967296 is not"),
        ({"seed": 1.5}, "seed=1.5 is not"),
        ({"batch": BATCH}, f"batch cannot be given beside the factory '{TINY}'"),
        ({"loss": nn.MSELoss(), "batch": BATCH}, "batch, loss cannot be given beside the factory"),
    ],
)
def test_suggest_refuses_before_it_runs_anything(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((RunnerError, ProbeError), match=message):
        autoprec.suggest(TINY, **arguments)


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (3, {}, "The model is an object of type int"),
        (nn.Linear, {}, "The model is an object of type type"),
        (nn.Linear(4, 2), {"batch": (torch.ones(8, 5), torch.ones(8, 2))}, r"does not fit the model(.|\n)*\[8, 5\]"),
        (nn.Linear(4, 2), {"loss": 3}, "The loss is an object of type int"),
        (autoprec.Workload(model=nn.Linear(4, 2)), {"batch": BATCH}, "batch cannot be given beside a Workload"),
    ],
)
def test_suggest_refuses_a_workload_that_makes_no_step(model: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(RunnerError, match=message):
        autoprec.suggest(model, **arguments)


def test_a_candidate_of_an_unknown_precision_says_what_is_valid() -> None:
    with pytest.raises(ValueError, match=r"Unknown precision 'nope'.*Valid precisions: 32-true"):
        Candidate(precision="nope")


@pytest.mark.filterwarnings("default")
def test_an_ambiguous_alias_is_taken_with_a_warning_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(["suggest", "nowhere.py:tiny", "--candidates", "bf16"])
    assert capfd.readouterr().err.startswith("Warning: precision='bf16' is taken as 'bf16-mixed'.")
