"""What is found in trials that were recorded; studies that are run for it are in `test_studies.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from autoprec_runner.doctor.examine import examine_trials
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.doctor.registry import trial_checks
from autoprec_runner.doctor.traits import OptimizerTraits, ParameterGroup, WeightTraits, WorkloadTraits
from autoprec_runner.trial import Check, EffectiveDtypes, Stability, StepParts, Trial
from autoprec_service.testing.factories import make_stability, make_trial

MIB = 2**20
FALLING = tuple(10.0 - 0.1 * step for step in range(50))
STALLED = tuple(10.0 - 0.001 * step for step in range(50))

TRAITS = WorkloadTraits(
    mode="train",
    parameters=10 * MIB,
    trained_parameters=10 * MIB,
    weights=WeightTraits(given_dtype="float32"),
    rows=32,
    optimizer=OptimizerTraits(name="Adam", groups=(ParameterGroup(parameters=10 * MIB),), state_tensors=2),
)


def dtypes(parameters: str, compute: str) -> EffectiveDtypes:
    return EffectiveDtypes(parameters=parameters, compute=compute)


def unstable(**fields: Any) -> Stability:
    return make_stability("unstable", **fields)


def failed(precision: str, status: str, reason: str, **fields: Any) -> Trial:
    return make_trial(precision, status=status, reason=reason, seconds=None, memory=None, verdict=None, **fields)


REFERENCE = make_trial("32-true", seconds=1.0, memory=200 * MIB, losses=FALLING)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Trials in which a rule is found."""

    rule: str
    trials: Sequence[Trial]
    sentence: str


GROWTH = Check(
    id="memory-slope", verdict="warning", value=2.0 * MIB, sentence="It held 2.00 MiB more after every step."
)
LAUNCH_BOUND = StepParts(move_seconds=0.0, forward_seconds=1.0, steps=5, operations=4000, bottleneck="launch-bound")
INPUT_BOUND = StepParts(fetch_seconds=3.0, move_seconds=0.0, forward_seconds=1.0, steps=5, bottleneck="input-bound")

SEEN = (
    Seen(
        rule="memory-growth",
        trials=[REFERENCE, make_trial("bf16-mixed", stability=make_stability(checks=(GROWTH,)))],
        sentence="bf16-mixed: It held 2.00 MiB more after every step.",
    ),
    Seen(
        rule="half-not-faster",
        trials=[REFERENCE, make_trial("bf16-true", seconds=1.0, parts=LAUNCH_BOUND)],
        sentence="bf16-true took 1.00 s a step against 1.00 s for 32-true, though the hardware computes in it; it is "
        "launch-bound: a step starts 4,000 operations.",
    ),
    Seen(
        rule="half-not-faster",
        trials=[REFERENCE, make_trial("bf16-true", seconds=1.0, parts=INPUT_BOUND)],
        sentence="bf16-true took 1.00 s a step against 1.00 s for 32-true, though the hardware computes in it; it is "
        "input-bound: data take 75.0 % of a step.",
    ),
    Seen(
        rule="timings-disturbed",
        trials=[make_trial(conditions={"busy_cores": 0.0, "race_other_busy_cores": 1.5})],
        sentence="Other programs kept 1.50 cores busy during the race.",
    ),
    Seen(
        rule="half-slow-on-cpu",
        trials=[
            REFERENCE,
            failed("16-mixed", "timeout", "Too slow: cut off.\nmore", support="emulated", phase="sprint"),
        ],
        sentence="16-mixed was cut off. Too slow: cut off.",
    ),
    Seen(
        rule="half-slow-on-cpu",
        trials=[REFERENCE, make_trial("bf16-true", seconds=44.0, support="emulated")],
        sentence="bf16-true took 44.0 s a step, 44.0 times as long as 32-true.",
    ),
    Seen(
        rule="fp16-overflow",
        trials=[
            REFERENCE,
            make_trial("16-mixed", status="unstable", stability=unstable(first_nonfinite_module="encoder.block.0")),
        ],
        sentence="In 16-mixed, `encoder.block.0` was the first module to put out inf or NaN.",
    ),
    Seen(
        rule="fp16-overflow",
        trials=[REFERENCE, make_trial("16-true", stability=make_stability(headroom_bits=0.5))],
        sentence="16-true has 0.500 bits of room above its largest activation, 46,318 of 65,504: twice as much "
        "overflows.",
    ),
    Seen(
        rule="fp16-overflow",
        trials=[
            make_trial("32-true", stability=make_stability(headroom_bits=111.0)),
            failed("16-mixed", "timeout", "Too slow.", phase="sprint"),
        ],
        sentence="16-mixed cannot hold the largest activation of this model, 131,008: fp16 ends at 65,504.",
    ),
    Seen(
        rule="adam-eps-underflows",
        trials=[
            failed(
                "16-true",
                "unstable",
                "Its parameters were not finite; the optimizer's eps of 1e-08 is 0 in their dtype.",
            ),
        ],
        sentence="16-true: Its parameters were not finite; the optimizer's eps of 1e-08 is 0 in their dtype.",
    ),
    Seen(
        rule="lost-updates",
        trials=[REFERENCE, make_trial("bf16-true", status="unstable", stability=unstable(), losses=STALLED)],
        sentence="The loss of bf16-true made 1.00 % of the progress of 32-true though its numbers are finite, as when "
        "updates round to nothing.",
    ),
    Seen(
        rule="skipped-steps",
        trials=[REFERENCE, make_trial("16-mixed", stability=make_stability(skipped_steps=4))],
        sentence="The gradient scaler of 16-mixed skipped 4 of 40 optimizer steps (10.0 %); a learning-rate scheduler "
        "advances all the same.",
    ),
    Seen(
        rule="other-dtypes-than-asked",
        trials=[make_trial("16-mixed", effective_dtypes=dtypes("float32", "bfloat16"))],
        sentence="16-mixed means float32 parameters and float16 compute; what ran had bfloat16 compute.",
    ),
    Seen(
        rule="other-dtypes-than-asked",
        trials=[make_trial("bf16-mixed", effective_dtypes=dtypes("bfloat16, float32", "bfloat16"))],
        sentence="bf16-mixed means float32 parameters and bfloat16 compute; what ran had bfloat16, float32 parameters.",
    ),
    Seen(
        rule="half-not-faster",
        trials=[REFERENCE, make_trial("bf16-mixed", seconds=1.1)],
        sentence="bf16-mixed took 1.10 s a step against 1.00 s for 32-true, though the hardware computes in it; a step "
        "has 32 rows only.",
    ),
    Seen(
        rule="mixed-saves-activations-only",
        trials=[REFERENCE, make_trial("bf16-mixed", memory=210 * MIB)],
        sentence="The peak memory of bf16-mixed was 210 MiB against 200 MiB for 32-true, of which 160 MiB are weights, "
        "gradients and optimizer state, which stay float32: at most 10.0 % could be saved.",
    ),
    Seen(
        rule="bnb-for-memory",
        trials=[REFERENCE, make_trial("bnb-int8", seconds=4.7)],
        sentence="bnb-int8 took 4.70 times as long a step as 32-true.",
    ),
    Seen(
        rule="bnb-for-memory",
        trials=[REFERENCE, failed("bnb-nf4", "timeout", "Too slow.", phase="sprint")],
        sentence="bnb-nf4 was cut off. Too slow.",
    ),
    Seen(
        rule="fp8-small-products",
        trials=[REFERENCE, make_trial("bf16-mixed", seconds=0.5), make_trial("transformer-engine", seconds=0.7)],
        sentence="transformer-engine took 700 ms a step against 500 ms in mixed half precision.",
    ),
    Seen(
        rule="timings-disturbed",
        trials=[make_trial("32-true", conditions={"busy_cores": 1.5})],
        sentence="Other programs kept 1.50 cores busy when the study began.",
    ),
)


def found(trials: Sequence[Trial], rule: str) -> list[Finding]:
    return [each for each in examine_trials(trials, TRAITS) if each.id == rule]


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.rule}, {seen.sentence[:24]}")
def test_it_is_told_with_its_numbers(seen: Seen) -> None:
    assert [(seen.sentence, "trial")] == [(each.sentence, each.found_by) for each in found(seen.trials, seen.rule)]


def test_every_rule_of_trials_is_provoked_here() -> None:
    assert set(trial_checks()) == {each.rule for each in SEEN}


@pytest.mark.parametrize(
    ("rule", "trials"),
    [
        ("half-slow-on-cpu", [REFERENCE, make_trial("bf16-true", seconds=1.5, support="emulated")]),
        ("half-slow-on-cpu", [REFERENCE, make_trial("bf16-true", seconds=9.0, support="native")]),
        ("half-slow-on-cpu", [make_trial("16-true", seconds=9.0, support="emulated", hardware_key="nvidia-tesla-t4")]),
        ("half-slow-on-cpu", [REFERENCE, failed("16-mixed", "timeout", "Not tried.", phase="screen")]),
        ("fp16-overflow", [REFERENCE, make_trial("16-mixed", stability=make_stability(headroom_bits=3.0))]),
        ("fp16-overflow", [make_trial("bf16-mixed", stability=unstable(first_nonfinite_module="0"))]),
        ("adam-eps-underflows", [failed("16-true", "unstable", "Its loss was not finite from step 1 on.")]),
        ("lost-updates", [REFERENCE, make_trial("bf16-true", stability=unstable(), status="unstable", losses=FALLING)]),
        ("lost-updates", [REFERENCE, make_trial("bf16-true", losses=STALLED)]),
        ("skipped-steps", [REFERENCE, make_trial("16-mixed")]),
        ("other-dtypes-than-asked", [make_trial("16-mixed", effective_dtypes=dtypes("float32", "float16"))]),
        ("other-dtypes-than-asked", [make_trial("16-true", effective_dtypes=dtypes("none", "float16"))]),
        ("half-not-faster", [REFERENCE, make_trial("bf16-mixed", seconds=0.9)]),
        ("half-not-faster", [REFERENCE, make_trial("bf16-mixed", seconds=1.5, support="emulated")]),
        ("mixed-saves-activations-only", [REFERENCE, make_trial("bf16-mixed", memory=150 * MIB)]),
        ("bnb-for-memory", [REFERENCE, make_trial("bnb-int8", seconds=0.8)]),
        ("fp8-small-products", [make_trial("bf16-mixed", seconds=0.5), make_trial("transformer-engine", seconds=0.4)]),
        ("fp8-small-products", [make_trial("bf16-mixed"), make_trial("transformer-engine", emulate=True, seconds=9.0)]),
        ("timings-disturbed", [make_trial("32-true", conditions={"busy_cores": 0.1})]),
    ],
)
def test_it_is_not_told_of_what_went_well(rule: str, trials: Sequence[Trial]) -> None:
    assert [] == found(trials, rule)


@pytest.mark.parametrize("rule", sorted(trial_checks()))
def test_no_trial_tells_nothing(rule: str) -> None:
    assert [] == found([], rule)


def test_without_a_description_of_the_workload_the_figures_are_told_all_the_same() -> None:
    trials = [REFERENCE, make_trial("bf16-mixed", seconds=1.1, memory=210 * MIB)]
    assert [
        "bf16-mixed took 1.10 s a step against 1.00 s for 32-true, though the hardware computes in it.",
        "The peak memory of bf16-mixed was 210 MiB against 200 MiB for 32-true.",
    ] == [each.sentence for each in examine_trials(trials)]
