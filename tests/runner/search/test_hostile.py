from collections.abc import Callable

import pytest

from autoprec_probe import Candidate
from autoprec_runner.errors import WorkloadError
from autoprec_runner.search.conduct import Outcome
from autoprec_runner.trial import Trial
from autoprec_service.policy import recommend
from autoprec_service.recommendation import Recommendation
from autoprec_service.store import Store

Ask = Callable[..., Outcome]
MIB = 2**20


def answer(outcome: Outcome) -> Recommendation:
    study = outcome.study
    return recommend(outcome.trials, objective=study.objective, constraints=study.constraints)


def last(outcome: Outcome, precision: str) -> Trial:
    whole = Candidate(precision=precision)
    return [trial for trial in outcome.trials if trial.candidate == whole][-1]


@pytest.mark.parametrize(
    ("factory", "status", "words"),
    [
        ("segfaults", "crashed", "SIGSEGV"),
        ("exits", "crashed", "exit code 3"),
        ("hangs", "timeout", "did not end within"),
        ("deadlocks", "timeout", "did not end within"),
        ("raises", "error", "the trap has sprung"),
        ("raises_at_step_17", "error", "the trap has sprung"),
        ("leaves", "error", "SystemExit: the trap has sprung"),
        ("gets_a_realtime_signal", "crashed", "ended by signal 35"),
        (
            "is_nan_at_once",
            "unstable",
            "not finite from step 1 on; the first module to put out inf or NaN was `middle`",
        ),
        ("is_nan_later", "unstable", "not finite from step 12 on; the first module to put out inf or NaN was `middle`"),
    ],
)
def test_a_workload_that_fails_in_its_steps_is_told_so(ask: Ask, factory: str, status: str, words: str) -> None:
    outcome = ask(factory, "bf16-true")
    assert ("complete", status) == (outcome.study.status, last(outcome, "32-true").status)
    assert words in last(outcome, "32-true").reason
    assert "Not tried: the fp32 reference failed" in last(outcome, "bf16-true").reason
    assert answer(outcome).precision is None
    assert any(words in reason for reason in answer(outcome).reasons)


@pytest.mark.parametrize(
    ("factory", "status", "words"),
    [
        ("segfaults_at_load", "crashed", "SIGSEGV"),
        ("exits_at_load", "crashed", "exit code 3"),
        ("hangs_at_load", "timeout", "Loading the workload did not end within"),
    ],
)
def test_a_workload_that_dies_while_it_is_loaded_is_told_so(ask: Ask, factory: str, status: str, words: str) -> None:
    outcome = ask(factory, "bf16-true", budget=3.0)
    assert status == last(outcome, "32-true").status
    assert words in last(outcome, "32-true").reason
    assert answer(outcome).precision is None


@pytest.mark.parametrize("factory", ["raises_at_load", "raises_at_once"])
def test_a_workload_that_makes_no_step_is_an_error_of_its_author(ask: Ask, ledger: Store, factory: str) -> None:
    with pytest.raises(WorkloadError, match="the trap has sprung"):
        ask(factory)
    assert [] == ledger.studies()


@pytest.mark.parametrize("factory", ["allocates", "allocates_at_load", "is_killed"])
def test_a_workload_that_takes_all_memory_is_stopped_at_its_limit(ask: Ask, factory: str) -> None:
    outcome = ask(factory, "bf16-true", memory_limit_bytes=512 * MIB, budget=30.0)
    assert {"oom"} == {trial.status for trial in outcome.trials if trial.candidate.precision == "32-true"}
    assert answer(outcome).precision is None


@pytest.mark.parametrize("factory", ["good", "floods", "starts_daemons", "rearranges"])
def test_a_workload_that_only_makes_a_mess_gets_its_answer(ask: Ask, factory: str) -> None:
    outcome = ask(factory, "64-true")
    assert {"ok"} == {trial.status for trial in outcome.trials if trial.candidate.precision == "32-true"}
    assert "32-true" == answer(outcome).precision or "64-true" == answer(outcome).precision


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


@pytest.mark.parametrize("factory", ["overflows_in_fp16_unseen", "overflows_in_fp16_in_inference"])
def test_an_overflow_in_fp16_rules_it_out_though_nothing_else_shows_it(ask: Ask, factory: str) -> None:
    outcome = ask(factory, "16-mixed", "16-true", budget=12.0)
    for precision in ("16-mixed", "16-true"):
        assert last(outcome, precision).status in {"unstable", "timeout"}
        assert "`encoder.big`" in last(outcome, precision).reason
    assert "32-true" == answer(outcome).precision


def test_an_overflow_in_fp16_is_told_though_the_candidate_was_too_slow_to_show_it(ask: Ask) -> None:
    outcome = ask("overflows_in_fp16_too_slowly", "16-true", budget=8.0)
    assert "timeout" == last(outcome, "16-true").status
    assert "In fp32 `encoder.big` put out 80,000, beyond the 65,504" in last(outcome, "16-true").reason


def test_an_eps_that_fp16_cannot_hold_is_named(ask: Ask) -> None:
    outcome = ask("has_an_eps_below_fp16", "16-true", budget=12.0)
    assert "unstable" == last(outcome, "16-true").status
    assert "`rows.weight`; the optimizer's eps of 1e-08 is 0 in their dtype" in last(outcome, "16-true").reason
    assert "32-true" == answer(outcome).precision


def test_learning_that_stalls_in_bf16_is_seen(ask: Ask) -> None:
    outcome = ask("learns_in_tiny_steps", "bf16-true", budget=12.0)
    verified = [trial for trial in outcome.trials if trial.phase == "verify" and trial.candidate.precision != "32-true"]
    assert all("unstable" == trial.status and "learning stalls" in trial.reason for trial in verified)
    assert "32-true" == answer(outcome).precision


def test_a_model_that_needs_fp64_gets_it(ask: Ask) -> None:
    outcome = ask("needs_fp64", "bf16-true", "64-true")
    assert "unstable" == last(outcome, "32-true").status
    assert "stable" == getattr(last(outcome, "64-true").stability, "verdict", None)
    assert "64-true" == answer(outcome).precision


def test_outputs_that_are_not_numbers_in_fp32_are_not_recommended(ask: Ask) -> None:
    outcome = ask("puts_out_nan", "bf16-true")
    assert "Its outputs hold NaN" in last(outcome, "32-true").reason
    assert answer(outcome).precision is None


def test_outputs_that_cannot_be_compared_leave_a_candidate_unjudged(ask: Ask) -> None:
    outcome = ask("puts_out_integers", "bf16-true")
    verdicts = {trial.stability.verdict for trial in outcome.trials if trial.stability and not is_reference(trial)}
    assert verdicts <= {"unjudged"}
    assert "32-true" == answer(outcome).precision


def is_reference(trial: Trial) -> bool:
    return "32-true" == trial.candidate.precision
