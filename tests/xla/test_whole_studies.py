"""Whole studies under XLA, each trial in a process of its own that starts XLA for itself."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch_xla", reason="needs torch-xla, which has an environment of its own: make test-xla")

from autoprec_probe import Candidate
from autoprec_runner.isolation.forkserver import ForkServer
from autoprec_runner.trials.session import Setting, TrialSession
from autoprec_runner.workload.factory import FactorySource

WORKLOADS = Path(__file__).parent / "xla_workloads.py"
GIBIBYTE = 2**30


def autoprec(*arguments: str, folder: Path) -> Any:
    """Run the command and return its answer."""
    command = [
        sys.executable,
        "-c",
        "import sys; from autoprec.cli import main; sys.exit(main())",
        *arguments,
        "--json",
    ]
    surroundings = {**os.environ, "AUTOPREC_DB": str(folder / "store.db")}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False, timeout=280)
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TrialSession]:
    """A trial of one of the workloads, set up."""
    server = ForkServer()
    setting = Setting(
        source=FactorySource(f"{WORKLOADS}:{request.param}").to_json(),
        mode="train",
        device="cpu",
        seed=0,
        sys_path=tuple(sys.path),
        folder=str(tmp_path),
        temporary=str(tmp_path),
    )
    candidate = Candidate(precision="bf16-mixed", strategy="xla")
    try:
        with TrialSession(server, setting, candidate, memory_limit_bytes=4 * GIBIBYTE) as opened:
            opened.prepare(timeout_seconds=120)
            yield opened
    finally:
        server.close()


@pytest.mark.parametrize("session", ["small", "shapes"], indirect=True)
def test_steps_are_timed_once_every_batch_has_its_program(session: TrialSession) -> None:
    session.observe(steps=1, max_seconds=0.0, timeout_seconds=120)
    assert 0 < session.evidence.compile_seconds == session.evidence.first_step_seconds
    session.settle(timeout_seconds=120)
    settled_after = session.evidence.steps
    compiled = session.evidence.compile_seconds
    session.warm_up(max_steps=8, max_seconds=60, timeout_seconds=120)
    assert 0 == session._compilations
    assert (settled_after + 8, compiled) == (session.evidence.steps, session.evidence.compile_seconds)
    assert session.evidence.peak_memory_bytes is not None


def test_a_study_is_conducted_from_the_command_line(tmp_path: Path) -> None:
    answer = autoprec(
        *("suggest", f"{WORKLOADS}:small", "--strategy", "xla", "--budget", "150"),
        *("--candidates", "bf16-mixed,16-mixed"),
        folder=tmp_path,
    )
    assert "measured" == answer["basis"]
    sprints = {each["candidate"]["precision"]: each for each in answer["trials"] if each["phase"] == "sprint"}
    assert {"32-true": "ok", "bf16-mixed": "ok", "16-mixed": "ok"} == {
        name: each["status"] for name, each in sprints.items()
    }
    assert all(each["compile_seconds"] > 0 for each in sprints.values())
    for name in ("bf16-mixed", "16-mixed"):
        dtypes = sprints[name]["effective_dtypes"]
        assert ("float32", "bfloat16") == (dtypes["parameters"], dtypes["compute"])
    assert "16-mixed is bfloat16 autocast" in sprints["16-mixed"]["effective_dtypes"]["note"]
    assert "verify" in {each["phase"] for each in answer["trials"]}


def test_inference_is_compared_with_the_reference(tmp_path: Path) -> None:
    answer = autoprec(
        *("suggest", f"{WORKLOADS}:small", "--strategy", "xla", "--budget", "100", "--mode", "inference"),
        *("--candidates", "bf16-true"),
        folder=tmp_path,
    )
    trials = {each["candidate"]["precision"]: each for each in answer["trials"] if each["phase"] == "sprint"}
    assert ("ok", "bfloat16") == (trials["bf16-true"]["status"], trials["bf16-true"]["effective_dtypes"]["compute"])
    assert "verify" in {each["phase"] for each in answer["trials"]}


def test_every_precision_has_a_verdict_here(tmp_path: Path) -> None:
    table = autoprec("precisions", "--strategy", "xla", folder=tmp_path)
    levels = {each["candidate"]["precision"]: each["level"] for each in table}
    assert {"native"} == {levels[each] for each in ("32-true", "64-true")}
    assert {"emulated"} == {levels[each] for each in ("bf16-mixed", "bf16-true", "16-mixed", "16-true")}
    assert "unsupported" == levels["transformer-engine"]
