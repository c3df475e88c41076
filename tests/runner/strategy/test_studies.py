"""Whole studies whose trials have two processes, and what happens when one of the two misbehaves."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from autoprec_probe import Candidate, Strategy, probe
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.search.conduct import Outcome, conduct
from autoprec_runner.search.question import Question
from autoprec_runner.trial import Trial
from autoprec_runner.workload.factory import FactorySource
from autoprec_service.policy import preference
from autoprec_service.store import open_store

WORKLOADS = Path(__file__).parent / "workloads.py"
Study = Callable[..., Outcome]


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    shared_forkserver().is_ready_within(60)
    with open_store(tmp_path / "store.db") as store:

        def conducted(factory: str, *precisions: str, strategy: Strategy = "fsdp", budget: float = 60.0) -> Outcome:
            question = Question(
                source=FactorySource(f"{WORKLOADS}:{factory}").to_json(),
                profile=probe(),
                device="cpu",
                strategy=strategy,
                devices=2,
                candidates=tuple(Candidate(precision=each, strategy=strategy) for each in precisions),
                budget_seconds=budget,
            )
            return conduct(question, store, preference)

        yield conducted
    assert [] == psutil.Process(shared_forkserver()._process.pid).children(recursive=True)


def sprint(outcome: Outcome, precision: str) -> Trial:
    return next(each for each in outcome.trials if each.candidate.precision == precision)


def test_a_study_under_fsdp_tells_what_two_processes_ran(study: Study) -> None:
    outcome = study("behaves", "bf16-mixed", "64-true")
    assert "complete" == outcome.study.status
    trial = sprint(outcome, "bf16-mixed")
    assert "ok" == trial.status
    assert trial.effective_dtypes is not None
    assert ("float32", "bfloat16", "bfloat16") == (
        trial.effective_dtypes.parameters,
        trial.effective_dtypes.compute,
        trial.effective_dtypes.reduction,
    )
    assert "unsupported" == sprint(outcome, "64-true").status
    assert trial.workload_key.endswith("-x2")
    assert 32 == outcome.prepared.batch_size  # of 16 samples in each process
    assert any(each.stability is not None for each in outcome.trials)


@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="needs the package deepspeed")
def test_a_study_under_deepspeed_tells_what_two_processes_ran(study: Study) -> None:
    outcome = study("behaves", "bf16-true", strategy="deepspeed", budget=200.0)  # its first start compiles
    dtypes = sprint(outcome, "bf16-true").effective_dtypes
    assert dtypes is not None
    assert ("bfloat16", "float32") == (dtypes.parameters, dtypes.master_weights)


@pytest.mark.parametrize(
    ("factory", "status", "words"),
    [
        ("exits", "crashed", "The process of rank 1 ended by itself with exit code 7."),
        ("is_killed", "crashed", "The process of rank 1 was ended by SIGKILL."),
        ("segfaults", "crashed", "The process of rank 1 was ended by SIGSEGV."),
        ("raises", "error", "rank one has had enough"),
        ("runs_out_of_memory", "oom", "no more"),
    ],
)
def test_a_trial_ends_with_the_first_of_its_processes_and_the_study_goes_on(
    factory: str,
    status: str,
    words: str,
    study: Study,
) -> None:
    outcome = study(factory, "bf16-mixed", budget=30.0)
    assert "complete" == outcome.study.status
    assert (status, True) == (sprint(outcome, "bf16-mixed").status, words in sprint(outcome, "bf16-mixed").reason)
    assert "ok" == sprint(outcome, "32-true").status


def test_a_process_that_hangs_is_a_trial_that_takes_too_long(study: Study) -> None:
    assert "timeout" == sprint(study("hangs", "bf16-mixed", budget=30.0), "bf16-mixed").status


def test_a_process_that_ends_while_it_loads_the_workload_is_told(study: Study) -> None:
    trial = sprint(study("exits_while_loading", "bf16-mixed", budget=30.0), "32-true")
    assert ("crashed", True) == (trial.status, "rank 1 ended by itself with exit code 7" in trial.reason)
