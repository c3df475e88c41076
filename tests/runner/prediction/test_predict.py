"""Predictions as a pure function, and their memory beside the parts of a cost."""

from typing import Any

import pytest

from autoprec_probe import Candidate
from autoprec_runner.prediction.cost import StepCost, StepMemory, Work, WorkloadCost
from autoprec_runner.prediction.factors import SPEEDUP_SPREAD, factors_of
from autoprec_runner.prediction.predict import predict
from autoprec_runner.prediction.prediction import Prediction
from autoprec_runner.prediction.rates import Rates

RATES = Rates(
    device="cpu",
    basis="measured",
    tflops={("float32", "highest"): 1.0, ("bfloat16", "highest"): 4.0},
    copies=((1.0, 100.0),),
)


def step(precision: str, dtype: str, *, peak: int = 100, moment: Any = "backward") -> StepCost:
    work = Work(layer="", moment="forward", kind="product", dtype=dtype, count=1, flops=1e12)
    memory = StepMemory(
        weights_bytes=10, gradients_bytes=9, optimizer_bytes=20, activations_bytes=40, peak_bytes=peak,
        peak_moment=moment,
    )  # fmt: skip
    return StepCost(precision=precision, work=(work,), memory=memory)


def cost(*steps: StepCost, **fields: Any) -> WorkloadCost:
    return WorkloadCost.model_validate(
        {
            "name": "net", "description": "a net", "model_fingerprint": "f", "workload_key": "w", "mode": "train",
            "parameters": 3, "batches_bytes": 16, "one_batch_bytes": 4, "host_bytes": 1000, "steps": steps, **fields,
        }
    )  # fmt: skip


def one(precision: str, of: WorkloadCost, rates: Rates = RATES, **candidate: Any) -> Prediction:
    (found,) = predict(of, rates, [Candidate(precision=precision, **candidate)])
    return found


BOTH = cost(step("32-true", "float32"), step("bf16-mixed", "bfloat16"))


def test_what_both_have_in_common_cancels_out_of_a_speedup() -> None:
    speedup = one("bf16-mixed", BOTH).speedup
    assert speedup is not None
    assert pytest.approx(4.0, rel=1e-3) == speedup.value
    assert pytest.approx(SPEEDUP_SPREAD["measured"] ** 2) == speedup.high / speedup.low


def test_the_reference_is_as_fast_as_itself() -> None:
    speedup = one("32-true", BOTH).speedup
    assert speedup is not None
    assert (1.0, 1.0, 1.0) == (speedup.low, speedup.value, speedup.high)


@pytest.mark.parametrize(
    ("moment", "activations", "gradients", "temporary"),
    [("backward", 40, 9, 17), ("forward", 40, 9, 17), ("update", 0, 9, 57)],
)
def test_the_parts_of_the_peak_are_those_of_the_step(
    moment: str, activations: int, gradients: int, temporary: int
) -> None:
    parts = one("32-true", cost(step("32-true", "float32", moment=moment))).memory_parts
    assert parts is not None
    expected = {
        "weights": 10, "gradients": gradients, "optimizer": 20, "activations": activations,
        "temporary": temporary + round(factors_of("cpu").waste * 66),
        "batches": 16, "surroundings": 1000 + factors_of("cpu").surroundings_bytes,
    }  # fmt: skip
    assert expected == dict(parts)


def test_the_peak_is_the_sum_of_its_parts() -> None:
    found = one("32-true", BOTH)
    assert found.peak_memory_bytes is not None
    assert found.memory_parts is not None
    assert sum(dict(found.memory_parts).values()) == found.peak_memory_bytes.value


def test_what_a_process_loads_is_no_memory_of_an_accelerator() -> None:
    rates = Rates(device="cuda", basis="catalogue", tflops=RATES.tflops, copies=RATES.copies)
    parts = one("32-true", BOTH, rates).memory_parts
    assert parts is not None
    assert 0 == parts.surroundings


def test_a_step_that_could_not_be_followed_says_why() -> None:
    of = cost(step("32-true", "float32"), unpredictable={"16-mixed": "Its step cannot be followed: why."})
    found = one("16-mixed", of)
    assert ("Its step cannot be followed: why.", None) == (found.missing, found.step_seconds)


def test_a_rate_that_is_not_known_leaves_memory_predicted() -> None:
    found = one("16-true", cost(step("32-true", "float32"), step("16-true", "float16")))
    assert (None, True) == (found.step_seconds, found.peak_memory_bytes is not None)
    assert "products in float16" in (found.missing or "")


@pytest.mark.parametrize(
    ("options", "told"),
    [({"strategy": "fsdp"}, "fsdp"), ({"emulate": True}, "Emulated"), ({"keep_fp32": ("head",)}, "kept in float32")],
)
def test_what_is_not_predicted_at_all_says_so(options: dict[str, Any], told: str) -> None:
    assert told in (one("bf16-mixed", BOTH, **options).missing or "")


def test_without_the_reference_there_is_no_speedup() -> None:
    found = one("bf16-mixed", cost(step("bf16-mixed", "bfloat16")))
    assert (None, True) == (found.speedup, found.step_seconds is not None)
