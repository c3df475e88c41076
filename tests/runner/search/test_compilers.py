"""Whether a candidate can be compiled here, and a study that does."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import autoprec
from autoprec_probe import Candidate, Support
from autoprec_runner.search.compilers import compilable
from autoprec_runner.trial import Trial


def judged(candidate: Candidate, **fields: Any) -> Support:
    support = Support.model_validate({"candidate": candidate, "level": "native", "reason": "it runs"} | fields)
    return compilable(support, "cpu")


COMPILED = Candidate(precision="bf16-mixed", compile=True)


def test_it_says_what_it_is() -> None:
    assert "bf16-mixed (compiled)" == str(COMPILED)


def test_without_a_compiler_it_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    found = judged(COMPILED)
    assert ("missing-package", False) == (found.level, found.can_run)
    assert "torch.compile needs no-such-compiler, which is not here." == found.reason
    assert found.remedy is not None
    assert "set CXX" in found.remedy


def test_a_compiler_of_the_users_own_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.touch(mode=0o755)
    monkeypatch.setenv("CXX", str(compiler))
    assert "native" == judged(COMPILED).level


@pytest.mark.parametrize(
    "candidate",
    [
        Candidate(precision="bnb-nf4", compile=True),
        Candidate(precision="32-true", strategy="fsdp", compile=True),
        Candidate(precision="transformer-engine", compile=True, emulate=True),
    ],
)
def test_what_compiling_makes_nothing_of_is_refused(candidate: Candidate) -> None:
    found = judged(candidate)
    assert "unsupported" == found.level
    assert f"Try {candidate.precision} without compile." == found.remedy


def test_what_is_not_to_be_compiled_or_cannot_run_anyway_keeps_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "it runs" == judged(Candidate(precision="bf16-mixed")).reason
    assert "no" == judged(COMPILED, level="unsupported", reason="no").reason


def study(tmp_path: Path, **options: Any) -> dict[str, Trial]:
    answer = autoprec.suggest(
        f"{Path(__file__).with_name('measurable.py')}:plain",
        candidates=["32-true"],
        compile=True,
        store=tmp_path / "trials.db",
        **options,
    )
    return {str(trial.candidate): trial for trial in answer.trials if trial.phase in {"screen", "sprint"}}


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ on a CPU")
def test_survivors_of_the_sprint_are_tried_compiled_with_the_time_that_took(tmp_path: Path) -> None:
    trials = study(tmp_path, budget=240.0)
    compiled = trials["32-true (compiled)"]
    assert "ok" == compiled.status
    assert compiled.compile_seconds is not None
    assert compiled.step_time is not None
    assert 0 < compiled.step_time.median_seconds < compiled.compile_seconds
    assert trials["32-true"].compile_seconds is None


def test_a_survivor_that_cannot_be_compiled_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    refused = study(tmp_path, budget=20.0)["32-true (compiled)"]
    assert ("screen", "unsupported") == (refused.phase, refused.status)
