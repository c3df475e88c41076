from typing import Any

import pytest

from autoprec_runner.study import Constraints
from autoprec_runner.trial import Check, Objective, Trial
from autoprec_service.errors import PolicyError
from autoprec_service.policy import recommend
from autoprec_service.recommendation import Recommendation
from autoprec_service.testing import make_stability, make_trial

GIB = 2**30


def ask(*trials: Trial, objective: Objective = "throughput", max_memory: int | None = None) -> Recommendation:
    return recommend(trials, objective=objective, constraints=Constraints(max_memory_bytes=max_memory))


def notes(answer: Recommendation) -> dict[str, str]:
    return {str(each.candidate): each.note for each in answer.alternatives}


def rejected(answer: Recommendation) -> dict[str, tuple[str, str, str | None]]:
    return {str(each.candidate): (each.status, each.reason, each.remedy) for each in answer.rejected}


REFERENCE = make_trial(seconds=1.4, memory=2 * GIB)
BF16 = make_trial("bf16-mixed", seconds=0.51, spread=0.02, memory=GIB)


def test_the_fastest_stable_candidate_wins_and_says_why() -> None:
    answer = ask(REFERENCE, BF16)
    assert "bf16-mixed" == answer.precision
    assert BF16.candidate == answer.candidate
    assert "measured" == answer.basis
    assert (
        "bf16-mixed took 510 ms a step against 1.40 s for 32-true: 2.7 times as fast (95 % interval 2.7 to 2.8).",
        "Its peak memory was 1.00 GiB against 2.00 GiB for 32-true: 50.0 % less.",
        "The loss was judged stable over 40 steps.",
    ) == answer.reasons
    assert {"32-true": "slower: 1.40 s against 510 ms for bf16-mixed."} == notes(answer)
    assert () == answer.rejected
    assert ("32-true verify", "bf16-mixed verify") == answer.evidence
    assert "study-a" == answer.study_id
    assert ("train", "cpu-x86-2c", "model-a") == (answer.mode, answer.hardware_key, answer.model_fingerprint)


def test_what_is_to_be_expected_of_the_chosen_candidate_is_told() -> None:
    expected = Check(id="headroom", verdict="warning", value=0.5, sentence="`block` comes close to the largest number.")
    fine = Check(id="resume", verdict="good", value=1.0, sentence="Nothing to say.")
    stability = make_stability(checks=(expected, fine))
    answer = ask(REFERENCE, make_trial("bf16-mixed", seconds=0.5, stability=stability))
    assert expected.sentence in answer.reasons
    assert fine.sentence not in answer.reasons


def test_the_gain_is_a_ratio_with_the_interval_that_both_step_times_allow() -> None:
    answer = ask(
        make_trial(seconds=1.0, spread=0.1), make_trial("bf16-mixed", seconds=0.5, spread=0.1, memory=GIB // 2)
    )
    assert answer.speedup is not None
    assert (2.0, 0.9 / 0.55, 1.1 / 0.45) == pytest.approx(
        (answer.speedup.value, answer.speedup.low, answer.speedup.high),
    )
    assert 0.5 == answer.memory_ratio


def test_the_reference_gains_nothing_on_itself() -> None:
    answer = ask(REFERENCE)
    assert "32-true" == answer.precision
    assert answer.speedup is not None
    assert (1.0, 1.0, 1.0) == (answer.speedup.value, answer.speedup.low, answer.speedup.high)
    assert 1.0 == answer.memory_ratio
    assert ("32-true took 1.40 s a step; no other candidate qualifies.",) == answer.reasons


def test_a_gain_within_the_noise_is_called_so() -> None:
    answer = ask(
        make_trial(seconds=1.0, spread=0.1, memory=4 * GIB),
        make_trial("bf16-mixed", seconds=0.95, spread=0.1),
        max_memory=2 * GIB,
    )
    assert "bf16-mixed" == answer.precision
    assert (
        "bf16-mixed took 950 ms a step against 1.00 s for 32-true: "
        "1.05 times as fast (95 % interval 0.86 to 1.29), which is within the noise."
    ) == answer.reasons[0]


@pytest.mark.parametrize(
    ("safer", "riskier"),
    [
        ("32-true", "bf16-mixed"),
        ("bf16-mixed", "16-mixed"),
        ("16-mixed", "bf16-true"),
        ("bf16-true", "16-true"),
        ("32-true", "64-true"),
    ],
)
def test_ties_go_to_the_safer_candidate(safer: str, riskier: str) -> None:
    slow_reference = make_trial(seconds=9.0)
    safer_trial, riskier_trial = make_trial(safer, seconds=1.0), make_trial(riskier, seconds=0.99)
    trials = [safer_trial, riskier_trial] if safer == "32-true" else [slow_reference, safer_trial, riskier_trial]
    answer = ask(*trials)
    assert safer == answer.precision
    assert "within the noise" in notes(answer)[riskier]


def test_narrow_intervals_do_not_make_two_per_cent_a_difference() -> None:
    answer = ask(make_trial(seconds=1.0, spread=1e-6), make_trial("bf16-mixed", seconds=0.985, spread=1e-6))
    assert "32-true" == answer.precision
    assert "bf16-mixed is as good within the noise, and 32-true carries less numeric risk." in answer.reasons


def test_wide_intervals_that_overlap_are_a_tie() -> None:
    assert (
        "32-true"
        == ask(make_trial(seconds=1.0, spread=0.3), make_trial("bf16-mixed", seconds=0.7, spread=0.3)).precision
    )


def test_tf32_products_are_riskier_than_fp32_and_safer_than_bf16() -> None:
    high = make_trial("32-true", matmul_precision="high", seconds=1.0)
    medium = make_trial("32-true", matmul_precision="medium", seconds=1.0)
    bf16 = make_trial("bf16-mixed", seconds=1.0)
    assert make_trial().candidate == ask(make_trial(), high, medium, bf16).candidate
    assert high.candidate == ask(make_trial(seconds=3.0), high, medium, bf16).candidate
    assert medium.candidate == ask(make_trial(seconds=3.0), medium, bf16).candidate


@pytest.mark.parametrize(
    "double", [make_trial("64-true", seconds=0.5), make_trial("64-true", seconds=0.5, verdict=None)]
)
def test_double_precision_is_not_recommended_for_speed(double: Trial) -> None:
    answer = ask(make_trial(seconds=1.0), double)
    assert "32-true" == answer.precision
    assert ("32-true took 1.00 s a step; no other candidate qualifies.",) == answer.reasons
    told = "faster: 500 ms against 1.00 s for 32-true; 32-true holds, so that precision beyond it buys nothing"
    assert notes(answer)["64-true"].startswith(told)
    assert ask(make_trial(seconds=1.0)).confidence == answer.confidence


def test_double_precision_is_recommended_where_fp32_is_unstable() -> None:
    bad = make_stability("unstable", sentence="Its loss was not finite from step 3 on.")
    answer = ask(
        make_trial(status="unstable", stability=bad, reason="Its loss was not finite from step 3 on."),
        make_trial("64-true", seconds=2.0),
        make_trial("bf16-mixed", seconds=0.5),
    )
    assert "64-true" == answer.precision
    assert "32-true is itself unstable on this workload: Its loss was not finite from step 3 on." == answer.reasons[0]
    assert "itself unstable" in notes(answer)["bf16-mixed"]


def test_double_precision_is_recommended_where_fp32_crashes_and_the_rest_is_as_fast() -> None:
    crashed = make_trial(status="crashed", seconds=None, memory=None, verdict=None)
    assert "64-true" == ask(crashed, make_trial("64-true"), make_trial("bf16-mixed")).precision


@pytest.mark.parametrize("status", ["unstable", "oom", "crashed", "timeout", "unsupported", "error"])
def test_what_failed_is_rejected_with_its_reason_and_remedy(status: str) -> None:
    failed = make_trial("16-mixed", seconds=0.1, status=status, reason="It failed.", remedy="Do not.")
    answer = ask(REFERENCE, failed)
    assert "32-true" == answer.precision
    assert {"16-mixed": (status, "It failed.", "Do not.")} == rejected(answer)


def test_a_verdict_of_unstable_rejects_whatever_the_status_says() -> None:
    answer = ask(REFERENCE, make_trial("16-mixed", seconds=0.1, verdict="unstable"))
    assert {"16-mixed": ("unstable", "The loss was judged unstable over 40 steps.", None)} == rejected(answer)


@pytest.mark.parametrize("verdict", ["unjudged", None])
def test_what_was_not_verified_is_an_alternative_only(verdict: str | None) -> None:
    answer = ask(REFERENCE, make_trial("bf16-mixed", seconds=0.1, phase="race", verdict=verdict))
    assert "32-true" == answer.precision
    note = (
        "faster: 100 ms against 1.40 s for 32-true; "
        "not verified: its numerics were not judged beside the fp32 reference."
    )
    assert {"bf16-mixed": note} == notes(answer)
    assert "bf16-mixed measured better and could not be verified; a larger budget may tell." in answer.reasons


def test_the_reference_needs_no_verdict() -> None:
    assert "32-true" == ask(make_trial(phase="race", verdict="unjudged")).precision


def test_a_slow_candidate_that_only_sprinted_is_an_alternative() -> None:
    answer = ask(REFERENCE, BF16, make_trial("16-mixed", seconds=3.0, phase="sprint", verdict=None))
    assert notes(answer)["16-mixed"].startswith("slower: 3.00 s against 510 ms for bf16-mixed; not verified")


def test_what_was_only_screened_is_told_to_be_untried() -> None:
    answer = ask(REFERENCE, make_trial("16-mixed", seconds=None, memory=None, phase="screen", verdict=None))
    assert {"16-mixed": "not tried: the study ended before its turn."} == notes(answer)


def test_the_most_advanced_trial_of_a_candidate_counts() -> None:
    sprint = make_trial("bf16-mixed", seconds=0.2, phase="sprint", verdict=None)
    race = make_trial("bf16-mixed", seconds=0.5, phase="race", verdict=None)
    verify = make_trial("bf16-mixed", seconds=None, memory=None, phase="verify")
    answer = ask(REFERENCE, verify, race, sprint)
    assert "bf16-mixed" == answer.precision
    assert answer.speedup is not None
    assert 2.8 == pytest.approx(answer.speedup.value)
    assert ("32-true verify", "bf16-mixed verify", "bf16-mixed race") == answer.evidence


def at(minute: int) -> dict[str, Any]:
    return {"started_at": f"2025-01-01T12:{minute:02}:00Z"}


def test_a_race_before_the_last_sprint_was_run_beside_others_and_tells_no_time() -> None:
    sprint = make_trial("bf16-mixed", id="sprint", seconds=0.2, phase="sprint", verdict=None, **at(0))
    race = make_trial("bf16-mixed", id="race", seconds=0.2, phase="race", verdict=None, **at(0))
    resumed = make_trial("bf16-mixed", seconds=0.8, phase="sprint", verdict=None, **at(10))
    verified = make_trial("bf16-mixed", seconds=0.7, **at(10))
    answer = ask(REFERENCE, sprint, race, resumed, verified)
    assert answer.speedup
    assert 1.4 / 0.7 == pytest.approx(answer.speedup.value)


def test_an_earlier_phase_never_makes_up_for_a_later_failure() -> None:
    failed = make_trial("bf16-mixed", seconds=0.1, status="unstable", **at(0))
    later_race = make_trial("bf16-mixed", seconds=0.1, phase="race", **at(30))
    assert "32-true" == ask(REFERENCE, failed, later_race).precision


def test_a_failure_after_a_more_advanced_phase_counts() -> None:
    verified = make_trial("bf16-mixed", seconds=0.1, **at(0))
    crashed = make_trial("bf16-mixed", status="crashed", phase="sprint", wall_seconds=20.0, **at(0))
    assert "32-true" == ask(REFERENCE, verified, crashed).precision


def test_trying_again_overrides_a_failure_of_the_same_phase() -> None:
    crashed = make_trial("bf16-mixed", id="first", status="crashed", **at(0))
    assert "bf16-mixed" == ask(REFERENCE, crashed, make_trial("bf16-mixed", seconds=0.5, **at(1))).precision


def test_times_with_and_without_a_zone_can_be_mixed() -> None:
    crashed = make_trial("bf16-mixed", id="first", status="crashed", started_at="2025-01-01T11:00:00")
    assert "bf16-mixed" == ask(REFERENCE, crashed, make_trial("bf16-mixed", seconds=0.5)).precision


def test_max_memory_rejects_with_figures() -> None:
    answer = ask(REFERENCE, make_trial("bf16-mixed", memory=GIB), max_memory=GIB)
    assert "bf16-mixed" == answer.precision
    reason = "Its peak memory was 2.00 GiB; max_memory allows 1.00 GiB."
    remedy = "Raise max_memory to 2.00 GiB or more, or use a smaller batch."
    assert {"32-true": ("ok", reason, remedy)} == rejected(answer)
    assert "Its peak memory of 1.00 GiB stays within max_memory (1.00 GiB)." in answer.reasons


def test_unknown_memory_does_not_pass_max_memory() -> None:
    answer = ask(make_trial(memory=None), max_memory=GIB)
    assert answer.precision is None
    assert "was not measured" in rejected(answer)["32-true"][1]


def test_the_objective_memory_goes_by_memory() -> None:
    answer = ask(make_trial(seconds=1.0), make_trial("bf16-true", seconds=2.0, memory=GIB // 2), objective="memory")
    assert "bf16-true" == answer.precision
    assert {"32-true": "more memory: 1.00 GiB against 512 MiB for bf16-true."} == notes(answer)


def test_equal_memory_goes_to_the_faster() -> None:
    tf32 = make_trial("32-true", matmul_precision="high", seconds=0.5, memory=GIB + GIB // 100)
    answer = ask(make_trial(seconds=1.0), tf32, objective="memory")
    assert tf32.candidate == answer.candidate
    assert {"32-true": "slower: 1.00 s against 500 ms for 32-true (matmul high)."} == notes(answer)


def test_the_objective_balanced_goes_by_the_geometric_mean() -> None:
    fast = make_trial("bf16-mixed", seconds=0.5, memory=3 * GIB)
    small = make_trial("bf16-true", seconds=0.6, memory=GIB // 2)
    answer = ask(make_trial(), fast, small, objective="balanced")
    assert "bf16-true" == answer.precision
    expected = "worse balance: 500 ms and 3.00 GiB against 600 ms and 512 MiB for bf16-true."
    assert expected == notes(answer)["bf16-mixed"]


def test_nothing_stands_in_for_energy() -> None:
    answer = ask(REFERENCE, BF16, objective="energy")
    assert answer.precision is None
    assert (
        "No trial has measured energy, and no other figure stands in for it.",
        "Ask for another objective: throughput, memory or balanced.",
    ) == answer.reasons
    assert {"32-true", "bf16-mixed"} == set(notes(answer))


def test_no_trial_gives_no_recommendation() -> None:
    answer = ask()
    assert (None, None, None, 0.0) == (answer.precision, answer.candidate, answer.basis, answer.confidence)
    assert (None, None, None, None) == (answer.mode, answer.hardware_key, answer.model_fingerprint, answer.study_id)
    assert "There is no trial of this workload on this machine." == answer.reasons[0]


def test_no_qualified_candidate_gives_none_with_the_causes_and_the_ways_out() -> None:
    answer = ask(
        make_trial(status="oom", reason="It ran out of memory.", verdict=None),
        make_trial("bf16-mixed", verdict="unjudged"),
        make_trial("16-mixed", status="timeout", verdict=None),
    )
    assert answer.precision is None
    assert 0.0 == answer.confidence
    assert (
        "32-true did not run, so nothing could be judged beside it: It ran out of memory.",
        "None of 3 candidates qualifies: 1 out of memory, 1 cut off, 1 not verified.",
        "Give the study a larger budget, so that candidates can be verified.",
        "Use a smaller batch, or raise max_memory: the least that any candidate took was 1.00 GiB.",
    ) == answer.reasons


def test_a_model_that_is_unstable_in_fp32_is_told() -> None:
    answer = ask(make_trial(status="unstable", reason="NaN at step 1.", verdict=None), make_trial("bf16-mixed"))
    assert answer.precision is None
    assert "32-true is itself unstable on this workload: NaN at step 1." == answer.reasons[0]
    assert "Lower the learning rate, look for bad values in the data, or try 64-true." in answer.reasons


@pytest.mark.parametrize("seconds", [0.0, float("nan"), float("inf"), None])
def test_a_step_time_that_is_no_time_cannot_win(seconds: float | None) -> None:
    answer = ask(REFERENCE, make_trial("bf16-mixed", seconds=seconds))
    assert "32-true" == answer.precision
    assert {"bf16-mixed": "not ranked: what the objective asks for was not measured."} == notes(answer)


def test_a_missing_reference_leaves_the_gain_unknown() -> None:
    answer = ask(BF16)
    assert "bf16-mixed" == answer.precision
    assert answer.speedup is None
    assert answer.memory_ratio is None
    assert "without one of 32-true, its gain is unknown." in answer.reasons[0]


@pytest.mark.parametrize("field", ["model_fingerprint", "workload_key", "hardware_key"])
def test_trials_that_cannot_be_compared_are_refused(field: str) -> None:
    other: dict[str, Any] = {field: "other"}
    with pytest.raises(PolicyError, match=field):
        ask(REFERENCE, make_trial("bf16-mixed", **other))


def test_trials_of_several_studies_have_no_single_study() -> None:
    assert ask(REFERENCE, make_trial("bf16-mixed", study_id="study-b")).study_id is None


def test_a_model_too_small_to_be_seen_in_memory_is_ranked() -> None:
    answer = ask(make_trial(memory=0), make_trial("bf16-mixed", memory=0, seconds=0.5), objective="balanced")
    assert "bf16-mixed" == answer.precision
    assert answer.memory_ratio is None


def test_the_reference_says_who_came_nearest_to_it() -> None:
    slower = make_trial("bf16-mixed", seconds=2.0, phase="sprint", verdict=None)
    answer = ask(REFERENCE, slower)
    nearest = "no other candidate was faster by more than the noise: the nearest, bf16-mixed, took 2.00 s a step"
    assert (f"32-true took 1.40 s a step; {nearest}.",) == answer.reasons
