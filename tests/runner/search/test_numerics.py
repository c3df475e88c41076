from collections.abc import Callable

import pytest

from autoprec_probe import Candidate
from autoprec_runner.search.conduct import Outcome
from autoprec_runner.trial import Trial
from autoprec_service.policy import recommend
from autoprec_service.recommendation import Recommendation

Ask = Callable[..., Outcome]


def answer(outcome: Outcome) -> Recommendation:
    study = outcome.study
    return recommend(outcome.trials, objective=study.objective, constraints=study.constraints)


def last(outcome: Outcome, precision: str) -> Trial:
    whole = Candidate(precision=precision)
    return [trial for trial in outcome.trials if trial.candidate == whole][-1]


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


def test_a_loss_that_fp32_cannot_resolve_is_left_to_fp64(ask: Ask) -> None:
    outcome = ask("cancels_in_fp32", "bf16-true", "64-true", budget=12.0)
    assert "unstable" == last(outcome, "32-true").status
    assert "that of 64-true on equal weights 1.6e-07" in last(outcome, "32-true").reason
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
