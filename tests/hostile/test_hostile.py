"""Every workload that misbehaves ends with the right status in the time limit, and the parent is left as it was."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import autoprec
from autoprec_probe import Candidate
from autoprec_runner.errors import WorkloadError
from autoprec_runner.search.conduct import Outcome
from autoprec_runner.trial import Trial
from autoprec_service.policy import recommend
from autoprec_service.recommendation import Recommendation
from autoprec_service.store import Store

Ask = Callable[..., Outcome]
MIB = 2**20

IN_ITS_STEPS = {
    "segfaults": ("crashed", "SIGSEGV"),
    "aborts": ("crashed", "SIGABRT"),
    "exits": ("crashed", "exit code 3"),
    "sets_an_alarm": ("crashed", "SIGALRM"),
    "gets_a_realtime_signal": ("crashed", f"ended by signal {signal.SIGRTMIN + 1:d}"),
    "scribbles": ("crashed", "something else than JSON"),
    "leaks_shared_memory_and_dies": ("crashed", "SIGSEGV"),
    "hangs": ("timeout", "did not end within"),
    "spins_in_c": ("timeout", "did not end within"),
    "deadlocks": ("timeout", "did not end within"),
    "raises": ("error", "the trap has sprung"),
    "raises_at_step_17": ("error", "the trap has sprung"),
    "leaves": ("error", "SystemExit: the trap has sprung"),
    "changes_shapes_later": ("error", "shapes cannot be multiplied"),
    "is_nan_at_once": ("unstable", "from step 1 on; the first module to put out inf or NaN was `middle`"),
    "is_nan_later": ("unstable", "from step 12 on; the first module to put out inf or NaN was `middle`"),
    "has_nan_labels": ("unstable", "not finite from step 1 on"),
    "has_an_empty_batch": ("unstable", "not finite from step 1 on"),
}
WHILE_IT_IS_LOADED = {
    "segfaults_at_load": ("crashed", "SIGSEGV"),
    "exits_at_load": ("crashed", "exit code 3"),
    "hangs_at_load": ("timeout", "Loading the workload did not end within"),
}
AN_ERROR_OF_ITS_AUTHOR = {
    "raises_at_load": "the trap has sprung",
    "raises_at_once": "the trap has sprung",
    "fails_in_its_batches": "the trap has sprung",
    "has_no_batches": "is empty",
}
TOO_MUCH_MEMORY = ("allocates", "allocates_at_load", "is_killed")
ONLY_A_MESS = (
    "good",
    "breeds",
    "changes_torch",
    "closes_streams",
    "ends_its_batches_early",
    "floods",
    "is_never_the_same",
    "leaks_descriptors",
    "leaks_shared_memory",
    "rearranges",
    "starts_daemons",
    "starts_slowly",
)


def answer(outcome: Outcome) -> Recommendation:
    study = outcome.study
    return recommend(outcome.trials, objective=study.objective, constraints=study.constraints)


def last(outcome: Outcome, precision: str) -> Trial:
    whole = Candidate(precision=precision)
    return [trial for trial in outcome.trials if trial.candidate == whole][-1]


@pytest.mark.parametrize(("factory", "status", "words"), [(name, *told) for name, told in IN_ITS_STEPS.items()])
def test_a_workload_that_fails_in_its_steps_is_told_so(ask: Ask, factory: str, status: str, words: str) -> None:
    outcome = ask(factory, "bf16-true")
    assert ("complete", status) == (outcome.study.status, last(outcome, "32-true").status)
    assert words in last(outcome, "32-true").reason
    assert "Not tried: the fp32 reference failed" in last(outcome, "bf16-true").reason
    assert answer(outcome).precision is None
    assert any(words in reason for reason in answer(outcome).reasons)


@pytest.mark.parametrize(("factory", "status", "words"), [(name, *told) for name, told in WHILE_IT_IS_LOADED.items()])
def test_a_workload_that_dies_while_it_is_loaded_is_told_so(ask: Ask, factory: str, status: str, words: str) -> None:
    outcome = ask(factory, "bf16-true", budget=3.0)
    assert status == last(outcome, "32-true").status
    assert words in last(outcome, "32-true").reason
    assert answer(outcome).precision is None


@pytest.mark.parametrize(("factory", "words"), AN_ERROR_OF_ITS_AUTHOR.items())
def test_a_workload_that_makes_no_step_is_an_error_of_its_author(
    ask: Ask, ledger: Store, factory: str, words: str
) -> None:
    with pytest.raises(WorkloadError, match=words):
        ask(factory)
    assert [] == ledger.studies()


@pytest.mark.parametrize("factory", TOO_MUCH_MEMORY)
def test_a_workload_that_takes_all_memory_is_stopped_at_its_limit(ask: Ask, factory: str) -> None:
    outcome = ask(factory, "bf16-true", memory_limit_bytes=512 * MIB, budget=30.0)
    assert {"oom"} == {trial.status for trial in outcome.trials if trial.candidate.precision == "32-true"}
    assert answer(outcome).precision is None


@pytest.mark.parametrize("factory", ONLY_A_MESS)
def test_a_workload_that_only_makes_a_mess_gets_its_answer(ask: Ask, factory: str) -> None:
    outcome = ask(factory, "64-true", budget=8.0)
    assert {"ok"} == {trial.status for trial in outcome.trials if trial.candidate.precision == "32-true"}
    assert answer(outcome).precision in {"32-true", "64-true"}


def test_a_candidate_that_crashes_leaves_the_others_unharmed(ask: Ask) -> None:
    outcome = ask("segfaults_in_bf16", "bf16-true", "bf16-mixed", budget=12.0)
    assert ("crashed", "crashed") == (last(outcome, "bf16-true").status, last(outcome, "bf16-mixed").status)
    assert "SIGSEGV" in last(outcome, "bf16-true").reason
    assert "32-true" == answer(outcome).precision


@pytest.mark.parametrize("factory", ["hangs_in_half", "crawls_in_half"])
def test_a_candidate_that_cannot_win_is_cut_off_while_it_runs(ask: Ask, factory: str) -> None:
    outcome = ask(factory, "bf16-true", "16-mixed", budget=12.0)
    for precision in ("bf16-true", "16-mixed"):
        assert "timeout" == last(outcome, precision).status
        assert "Too slow: cut off when its" in last(outcome, precision).reason
        assert "while 32-true takes" in last(outcome, precision).reason
    assert "32-true" == answer(outcome).precision
    assert "verify" == last(outcome, "32-true").phase


def test_a_model_that_cannot_be_pickled_is_refused_with_the_way_out(tmp_path: Path) -> None:
    from misbehaving import Locked  # noqa: PLC0415 (loads torch, which nothing else here does)

    with pytest.raises(WorkloadError, match="factory"):
        autoprec.suggest(Locked(), store=tmp_path / "store.db", progress=False)
    assert not [each for each in os.listdir(tmp_path) if each.endswith(".pkl")]  # noqa: PTH208 (names)


def test_every_hostile_workload_is_asked() -> None:
    asked = {*IN_ITS_STEPS, *WHILE_IT_IS_LOADED, *AN_ERROR_OF_ITS_AUTHOR, *TOO_MUCH_MEMORY, *ONLY_A_MESS}
    others = {"segfaults_in_bf16", "hangs_in_half", "crawls_in_half"}
    source = (Path(__file__).parent / "support" / "misbehaving.py").read_text(encoding="utf-8")
    assert asked | others == set(re.findall(r"^def (\w+)\(\) -> Workload:$", source, re.MULTILINE))
