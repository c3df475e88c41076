import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from autoprec_runner.trial import EffectiveDtypes
from autoprec_runner.trials.evidence import Activations, Evidence
from autoprec_runner.trials.stability import (
    fp16_warning,
    inference_verdict,
    reference_verdict,
    train_verdict,
    unstable_already,
)

STEPS = 50
FALLING = tuple(2.0 * 0.97**step for step in range(STEPS))
FLAT = tuple(2.0 + 0.01 * math.sin(step) for step in range(STEPS))


def noisy(losses: Sequence[float], spread: float, seed: int = 0) -> list[float]:
    return list(np.array(losses) * np.random.default_rng(seed).normal(1, spread, len(losses)))


def evidence(losses: Sequence[float], **fields: Any) -> Evidence:
    bad = next((place for place, loss in enumerate(losses) if not math.isfinite(loss)), None)
    return Evidence(losses=list(losses), steps=len(losses), first_nonfinite_step=bad, **fields)


def diverging(at: int) -> list[float]:
    return [loss * (1 if step < at else 1.2 ** (step - at)) for step, loss in enumerate(FALLING)]


@pytest.mark.parametrize(
    ("losses", "verdict", "words"),
    [
        (FALLING, "stable", "stayed at or below"),
        (noisy(FALLING, 0.01), "stable", "stayed"),
        ([0.9 * loss for loss in FALLING], "stable", "at or below"),
        ([1.04 * loss for loss in FALLING], "stable", "within 4.00 %"),
        ([1.07 * loss for loss in FALLING], "unstable", "7.00 % above"),
        (diverging(at=30), "unstable", "it diverges"),
        ([*FALLING[:35], *[1.0] * 15], "unstable", "5.00 % is allowed"),
        ([2.0] * STEPS, "unstable", "learning stalls"),
        ([2.0, *FALLING[:-1]], "stable", "stayed within"),
        ([*FALLING[:30], math.nan, *FALLING[31:]], "unstable", "not finite from step 31 on"),
        ([math.inf] * STEPS, "unstable", "not finite from step 1 on"),
        ([-math.inf, *FALLING[1:]], "unstable", "not finite from step 1 on"),
        (FALLING[:2], "unjudged", "Only 2 steps"),
        ([], "unjudged", "Only 0 steps"),
    ],
)
def test_a_trajectory_is_judged_beside_the_reference(losses: Sequence[float], verdict: str, words: str) -> None:
    stability = train_verdict(evidence(losses), evidence(FALLING), [evidence(FALLING)], tolerance=None)
    assert verdict == stability.verdict, stability.sentence
    assert words in stability.sentence


def test_a_tolerance_of_the_user_is_what_is_allowed() -> None:
    ours = evidence([1.07 * loss for loss in FALLING])
    assert "stable" == train_verdict(ours, evidence(FALLING), [], tolerance=0.1).verdict
    assert "unstable" == train_verdict(ours, evidence(FALLING), [], tolerance=0.0).verdict


def test_a_reference_that_scatters_by_itself_allows_more() -> None:
    ours, yardstick = evidence([1.07 * loss for loss in FALLING]), evidence([1.03 * loss for loss in FALLING])
    stability = train_verdict(ours, evidence(FALLING), [yardstick], tolerance=None)
    assert "stable" == stability.verdict
    assert pytest.approx(0.09) == stability.allowed


def test_what_scatters_late_does_not_excuse_an_early_fault() -> None:
    late = [0.1] * 100
    yardstick = evidence([*FALLING, *[0.1 if step % 40 < 20 else 0.15 for step in range(100)]])
    ours = evidence([*(1.07 * loss for loss in FALLING), *late])
    stability = train_verdict(ours, evidence([*FALLING, *late]), [yardstick], tolerance=None)
    assert ("unstable", 150) == (stability.verdict, stability.steps)
    assert "7.00 % above the fp32 reference over 50 steps" in stability.sentence


def test_what_goes_wrong_in_the_last_quarter_of_a_longer_trajectory_counts_by_itself() -> None:
    true = [2.0 * 0.99**step for step in range(200)]
    ours = [loss * (1.12 if step >= 150 else 1.0) for step, loss in enumerate(true)]
    stability = train_verdict(evidence(ours), evidence(true), [evidence(true)], tolerance=None)
    assert "unstable" == stability.verdict
    assert "12.0 % above the fp32 reference over 200 steps" in stability.sentence


def test_a_reference_that_scatters_counts_though_its_mean_agrees_by_chance() -> None:
    half = STEPS // 2
    waves = [1 + 0.05 * (1 if (step - half) // 5 % 2 else -1) * (step >= half) for step in range(STEPS)]
    waves[-5:] = [1.0] * 5
    ours = evidence([2.0] * half + [1.07] * half)
    stability = train_verdict(
        ours, evidence([2.0] * half + [1.0] * half), [evidence([2.0] * half + waves[half:])], tolerance=None
    )
    assert "stable" == stability.verdict
    assert pytest.approx(0.15) == stability.allowed


@pytest.mark.parametrize("factor", [10.0, math.inf, math.nan])
def test_a_reference_that_runs_away_does_not_allow_everything(factor: float) -> None:
    yardstick = evidence([factor * loss for loss in FALLING])
    stability = train_verdict(evidence([2 * loss for loss in FALLING]), evidence(FALLING), [yardstick], tolerance=None)
    assert "unstable" == stability.verdict
    assert stability.allowed is not None
    assert stability.allowed <= 0.5


def test_only_as_many_steps_are_compared_as_all_runs_have() -> None:
    late = [*FALLING[:20], *[9.0] * 30]
    stability = train_verdict(evidence(late), evidence(FALLING), [evidence(FALLING[:20])], tolerance=None)
    assert ("stable", 20) == (stability.verdict, stability.steps)


def test_progress_is_not_judged_where_the_reference_makes_none() -> None:
    assert "stable" == train_verdict(evidence([2.0] * STEPS), evidence(FLAT), [], tolerance=None).verdict


def test_the_larger_of_several_yardsticks_counts() -> None:
    ours = evidence([1.08 * loss for loss in FALLING])
    calm, restless = evidence(FALLING), evidence([1.03 * loss for loss in FALLING])
    assert "unstable" == train_verdict(ours, evidence(FALLING), [calm], tolerance=None).verdict
    for yardsticks in ([calm, restless], [restless, calm]):
        assert "stable" == train_verdict(ours, evidence(FALLING), yardsticks, tolerance=None).verdict


def test_a_run_whose_updates_are_lost_is_unstable_however_its_losses_look() -> None:
    ours = evidence(FLAT, lost_updates=[0.85, 0.95])
    stability = train_verdict(ours, evidence(FLAT, lost_updates=[0.0]), [], tolerance=None)
    assert "unstable" == stability.verdict
    assert "90.0 % of its weight updates, by their gradients, rounded to nothing (0 % in fp32)." == stability.sentence


def test_negative_losses_are_judged_by_their_size() -> None:
    falling = [-1.0 - 0.05 * step for step in range(STEPS)]
    assert "stable" == train_verdict(evidence(falling), evidence(falling), [], tolerance=None).verdict
    worse = [loss + 0.5 for loss in falling]
    assert "unstable" == train_verdict(evidence(worse), evidence(falling), [], tolerance=None).verdict


def test_a_scaler_that_skips_most_steps_is_unstable_however_the_loss_looks() -> None:
    ours = evidence(FLAT, skipped_steps=40)
    stability = train_verdict(ours, evidence(FLAT), [], tolerance=None)
    assert ("unstable", 40) == (stability.verdict, stability.skipped_steps)
    assert "skipped 40 of 50 steps" in stability.sentence
    few = train_verdict(evidence(FLAT, skipped_steps=4), evidence(FLAT), [], tolerance=None)
    assert "stable" == few.verdict


def test_an_overflow_is_unstable_though_the_loss_is_finite() -> None:
    ours = evidence(FALLING, activations=Activations(nonfinite=("block.2", "block")))
    reference = evidence(FALLING, activations=Activations(largest={"block.2": 81_920.0}))
    stability = train_verdict(ours, reference, [], tolerance=None)
    assert ("unstable", "block.2") == (stability.verdict, stability.first_nonfinite_module)
    assert "though the loss was; the first module to put out inf or NaN was `block.2`." in stability.sentence
    assert "In fp32 its largest activation is 81,920." in stability.sentence


def test_infinities_that_the_reference_has_too_are_no_overflow() -> None:
    masked = Activations(nonfinite=("mask",))
    ours, reference = evidence(FALLING, activations=masked), evidence(FALLING, activations=masked)
    assert "stable" == train_verdict(ours, reference, [], tolerance=None).verdict
    assert "stable" == reference_verdict(reference).verdict


@pytest.mark.parametrize(("eps", "words"), [(1e-8, "eps of 1e-08 is 0 in their dtype"), (None, "and 1 more.")])
def test_parameters_that_went_bad_are_named(eps: float | None, words: str) -> None:
    ours = evidence(FALLING, nonfinite_parameters=("a.weight", "a.bias", "b.weight"), underflowing_eps=eps)
    stability = unstable_already(ours, evidence(FALLING))
    assert stability is not None
    assert "`a.weight`, `a.bias` and 1 more" in stability.sentence
    assert words in stability.sentence


@pytest.mark.parametrize(
    ("error", "tolerance", "verdict", "words"),
    [
        (0.0, None, "stable", "within the allowed 2.00 %"),
        (0.019, None, "stable", "agreed in 97.0 % of cases"),
        (0.021, None, "unstable", "above the allowed 2.00 %"),
        (0.021, 0.05, "stable", "within the allowed 5.00 %"),
        (1e-9, 0.0, "unstable", "above the allowed"),
        (math.inf, 0.5, "unstable", "not finite where those of fp32 are"),
        (math.nan, 0.5, "unstable", "above the allowed"),
    ],
)
def test_outputs_are_judged_by_their_error(error: float, tolerance: float | None, verdict: str, words: str) -> None:
    comparison = {"relative_error": error, "top1_agreement": 0.97, "batches": 3, "tensors": 3}
    stability = inference_verdict(evidence([]), comparison, tolerance=tolerance)
    assert (verdict, 3) == (stability.verdict, stability.steps)
    assert words in stability.sentence


def test_outputs_that_cannot_be_compared_are_not_judged() -> None:
    comparison = {"relative_error": 0.0, "top1_agreement": None, "batches": 3, "tensors": 0}
    assert "unjudged" == inference_verdict(evidence([]), comparison, tolerance=None).verdict


def test_a_reference_whose_outputs_are_not_numbers_is_unstable() -> None:
    bad = evidence([], activations=Activations(nonfinite=("head",)))
    stability = reference_verdict(bad, numbers=False)
    assert ("unstable", "head") == (stability.verdict, stability.first_nonfinite_module)


def test_the_module_that_fp16_cannot_hold_is_named_beforehand() -> None:
    fits = evidence(FALLING, activations=Activations(largest={"a": 65_504.0}))
    assert fp16_warning(fits) == ""
    beyond = evidence(FALLING, activations=Activations(largest={"a": 10.0, "b": 80_000.0}))
    assert "`b` put out 80,000, beyond the 65,504" in fp16_warning(beyond)


@pytest.mark.parametrize(("dtype", "told"), [("float16", True), ("bfloat16", False)])
def test_spoilt_parameters_in_fp16_hear_of_its_range_too(dtype: str, told: bool) -> None:  # noqa: FBT001 (a case)
    reference = evidence(FALLING, activations=Activations(largest={"b": 8e4}))
    spoilt = evidence(
        FALLING,
        nonfinite_parameters=("b.weight",),
        effective_dtypes=EffectiveDtypes(parameters=dtype, compute=dtype),
    )
    verdict = unstable_already(spoilt, reference)
    assert verdict is not None
    assert told is ("In fp32 `b` put out 80,000, beyond the 65,504" in verdict.sentence)
