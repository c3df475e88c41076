"""What follows from predictions, and what does not."""

from typing import Any

import pytest

from autoprec_probe import Candidate, Support
from autoprec_probe.verdict import SupportLevel
from autoprec_runner.prediction.prediction import Estimate, MemoryParts, Prediction
from autoprec_runner.prediction.rates import RateBasis
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Objective
from autoprec_service.policy import recommend_predicted
from autoprec_service.policy.predicted import CONFIDENCE, Setting
from autoprec_service.recommendation import Recommendation

GIB = 2**30


def estimate(value: float, spread: float) -> Estimate:
    return Estimate(value=value, low=value / spread, high=value * spread)


def prediction(
    precision: str, speed: float | None, *, memory: float = 1.0, spread: float = 1.25, basis: RateBasis = "measured",
    **fields: Any,
) -> Prediction:  # fmt: skip
    parts = MemoryParts(
        weights=GIB, gradients=0, optimizer=0, activations=0, temporary=0, batches=0, surroundings=0
    )  # fmt: skip
    return Prediction(
        candidate=Candidate(precision=precision),
        basis=basis,
        step_seconds=None if speed is None else estimate(0.1 / speed, 2.0),
        speedup=None if speed is None else estimate(speed, 1.0 if precision == "32-true" else spread),
        peak_memory_bytes=estimate(memory * GIB, 1.2),
        memory_parts=parts,
        **fields,
    )


def answer(
    *predictions: Prediction,
    levels: dict[str, SupportLevel] | None = None,
    mode: Any = "train",
    objective: Any = "throughput",
    max_memory: int | None = None,
    memory: int | None = 80 * GIB,
) -> Recommendation:
    supports = [
        Support(
            candidate=each.candidate,
            level=(levels or {}).get(each.candidate.precision, "native"),
            reason=f"Of {each.candidate.precision}.",
        )
        for each in predictions
    ]
    setting = Setting(
        objective=objective,
        constraints=Constraints(max_memory_bytes=max_memory),
        mode=mode,
        hardware_key="nvidia-h100-80gb-hbm3",
        model_fingerprint="abc",
        memory_bytes=memory,
    )
    return recommend_predicted(predictions, supports, setting)


FP32 = prediction("32-true", 1.0)
BF16 = prediction("bf16-mixed", 2.0, memory=0.7)


def test_a_clear_gain_is_recommended() -> None:
    found = answer(FP32, BF16)
    assert ("bf16-mixed", "predicted", None) == (found.precision, found.basis, found.study_id)
    assert found.speedup is not None
    assert (2.0, 0.7) == (found.speedup.value, found.memory_ratio)


def test_a_gain_within_the_uncertainty_is_not() -> None:
    found = answer(FP32, prediction("bf16-mixed", 1.2))
    assert "32-true" == found.precision
    assert "no other precision is predicted to be better beyond the uncertainty" in found.reasons[0]


@pytest.mark.parametrize(
    ("precision", "mode", "expected"),
    [
        ("bf16-true", "train", "32-true"),
        ("16-true", "train", "32-true"),
        ("16-true", "inference", "32-true"),
        ("bf16-true", "inference", "bf16-true"),
        ("16-mixed", "train", "16-mixed"),
    ],
)
def test_numbers_that_often_go_wrong_are_never_the_answer(precision: str, mode: str, expected: str) -> None:
    found = answer(FP32, prediction(precision, 3.0), mode=mode)
    assert expected == found.precision
    if expected == "32-true":
        assert "often go wrong" in found.alternatives[0].note


@pytest.mark.parametrize(("speed", "expected"), [(2.2, "bf16-mixed"), (2.6, "16-mixed")])
def test_a_riskier_one_has_to_be_better_than_a_safer_one_beyond_the_uncertainty(speed: float, expected: str) -> None:
    assert expected == answer(FP32, BF16, prediction("16-mixed", speed)).precision


@pytest.mark.parametrize(("memory", "expected"), [(0.7, "bf16-mixed"), (0.99, "32-true")])
def test_the_objective_balanced_weighs_both(memory: float, expected: str) -> None:
    found = answer(FP32, prediction("bf16-mixed", 1.2, memory=memory), objective="balanced")
    assert expected == found.precision


def test_what_was_not_verified_is_said_with_the_way_to_verify_it() -> None:
    told = " ".join(answer(FP32, BF16).reasons)
    assert "Nothing was run" in told
    assert "trains as well as in fp32 is not verified; only a trial tells" in told
    assert "`autoprec suggest` with this workload on nvidia-h100-80gb-hbm3" in told


@pytest.mark.parametrize("basis", CONFIDENCE)
def test_confidence_stays_below_what_calibration_allows(basis: RateBasis) -> None:
    found = answer(prediction("32-true", 1.0, basis=basis), prediction("bf16-mixed", 5.0, basis=basis))
    assert 0 < found.confidence <= CONFIDENCE[basis] <= 0.5


def test_a_nearer_rival_leaves_less_confidence() -> None:
    near = answer(FP32, BF16, prediction("16-mixed", 1.95))
    assert near.confidence < answer(FP32, BF16).confidence


def test_what_is_not_native_is_an_alternative_at_most() -> None:
    found = answer(FP32, BF16, levels={"bf16-mixed": "emulated"})
    assert ("32-true", "not native: Of bf16-mixed") == (
        found.precision, found.alternatives[0].note.partition("; ")[2].rstrip(".")
    )  # fmt: skip


@pytest.mark.parametrize("level", ["unsupported", "missing-package"])
def test_what_cannot_run_is_rejected_with_the_reason(level: SupportLevel) -> None:
    (rejected,) = answer(FP32, BF16, levels={"bf16-mixed": level}).rejected
    assert ("unsupported", "Of bf16-mixed.", None) == (rejected.status, rejected.reason, rejected.trial_id)


@pytest.mark.parametrize(("max_memory", "memory"), [(GIB, 80 * GIB), (None, GIB), (GIB, None)])
def test_what_does_not_fit_is_rejected(max_memory: int | None, memory: int | None) -> None:
    found = answer(FP32, prediction("bf16-mixed", 2.0, memory=1.5), max_memory=max_memory, memory=memory)
    assert [("oom", "It is predicted to take 1.50 GiB; 1.00 GiB are there.")] == [
        (each.status, each.reason) for each in found.rejected
    ]


def test_what_may_not_fit_is_not_recommended() -> None:
    found = answer(FP32, prediction("bf16-mixed", 2.0, memory=0.9), max_memory=GIB)
    assert (None, True) == (found.precision, "it may not fit" in found.alternatives[0].note)


def test_what_cannot_be_predicted_says_so() -> None:
    (rejected,) = answer(FP32, prediction("16-mixed", None, missing="The rate is not known.")).rejected
    assert ("The rate is not known.", "Run a trial there: autoprec suggest.") == (rejected.reason, rejected.remedy)


def test_without_a_predictable_reference_there_is_no_answer() -> None:
    found = answer(prediction("32-true", None, missing="It decides by its numbers."), prediction("bf16-mixed", None))
    assert (None, None, 0.0) == (found.precision, found.basis, found.confidence)
    assert "It decides by its numbers." in found.reasons[0]


def test_the_objective_memory_goes_by_memory() -> None:
    slow_and_small = prediction("bf16-mixed", 0.8, memory=0.6)
    assert ("bf16-mixed", "32-true") == (
        answer(FP32, slow_and_small, objective="memory").precision,
        answer(FP32, prediction("bf16-mixed", 0.8, memory=0.95), objective="memory").precision,
    )


@pytest.mark.parametrize(
    ("objective", "told"),
    [("energy", "Energy is not predicted."), ("time-to-loss", "How fast a loss falls is not predicted.")],
)
def test_some_objectives_are_not_predicted(objective: Objective, told: str) -> None:
    found = answer(FP32, BF16, objective=objective)
    assert (None, told) == (found.precision, found.reasons[0].partition(" Ask")[0])


def test_the_answer_does_not_depend_on_the_order() -> None:
    others = (BF16, prediction("bf16-true", 3.0), prediction("64-true", 0.5))
    assert answer(FP32, *others).model_copy(update={"rejected": ()}) == answer(*others[::-1], FP32)
