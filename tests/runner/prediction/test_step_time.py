"""The time of a step, by table: every figure can be had by hand."""

from dataclasses import replace
from typing import Any

import pytest

from autoprec_probe import Candidate
from autoprec_runner.prediction.cost import StepCost, StepMemory, Work
from autoprec_runner.prediction.factors import INSTRUCTIONS, factors_of
from autoprec_runner.prediction.rates import Rates
from autoprec_runner.prediction.step_time import UnknownRateError, time_parts, total

GB = 1e9
MEMORY = StepMemory(
    weights_bytes=0, gradients_bytes=0, optimizer_bytes=0, activations_bytes=0, peak_bytes=0, peak_moment="forward"
)
RATES = Rates(
    device="cuda",
    basis="measured",
    tflops={("float32", "highest"): 10.0, ("float32", "high"): 50.0, ("bfloat16", "highest"): 100.0},
    copies=((1.0, 1000.0),),
    launch_seconds=4e-6,
    product_launch_seconds={"float32": 4e-6, "bfloat16": 6e-6},
)
FACTORS = factors_of("cuda")


def step(**work: Any) -> StepCost:
    filled = {"layer": "", "moment": "forward", "kind": "product", "dtype": "float32", "count": 1, **work}
    return StepCost(precision="32-true", work=(Work.model_validate(filled),), memory=MEMORY)


def parts(cost: StepCost, **candidate: Any) -> Any:
    return time_parts(cost, RATES, Candidate(precision="32-true", **candidate))


@pytest.mark.parametrize(
    ("dtype", "matmul", "tflops"),
    [("float32", "highest", 10), ("float32", "high", 50), ("bfloat16", "highest", 100), ("bfloat16", "high", 100)],
)
def test_a_large_product_takes_its_arithmetic(dtype: str, matmul: Any, tflops: float) -> None:
    found = parts(step(dtype=dtype, flops=1e12, read_bytes=1.0), matmul_precision=matmul).products
    assert pytest.approx(1 / tflops / FACTORS.product_share) == found


def test_a_small_product_takes_its_bytes() -> None:
    found = parts(step(flops=1.0, read_bytes=3 * GB, written_bytes=1 * GB)).products
    assert pytest.approx(4 / 1000 / FACTORS.copy_share) == found


@pytest.mark.parametrize("kind", ["pointwise", "function", "normalization", "random", "gather"])
def test_elements_without_bytes_take_instructions(kind: Any) -> None:
    found = parts(step(kind=kind, elements=1e9)).elementwise
    assert pytest.approx(INSTRUCTIONS[kind] * 1e9 / 10e12) == found


def test_a_cast_takes_its_bytes() -> None:
    found = parts(step(kind="movement", read_bytes=2 * GB, written_bytes=1 * GB)).movement
    assert pytest.approx(3 / 1000 / FACTORS.copy_share) == found


def test_every_operation_has_to_be_started() -> None:
    found = parts(step(kind="pointwise", count=100)).starting
    assert pytest.approx(100 * FACTORS.launches * 4e-6) == found


def test_a_product_whose_start_takes_longer_takes_so_much_more() -> None:
    found = parts(step(dtype="bfloat16", count=10)).starting
    assert pytest.approx(10 * (FACTORS.launches * 4e-6 + 2e-6)) == found


@pytest.mark.parametrize(("elements", "more"), [(32_767, 0.0), (32_768, 16e-6)])
def test_arithmetic_that_takes_several_threads_of_a_cpu_wakes_them(elements: float, more: float) -> None:
    rates = replace(RATES, device="cpu", product_launch_seconds={"float32": 20e-6})
    found = time_parts(step(kind="pointwise", elements=elements), rates, Candidate(precision="32-true"))
    assert pytest.approx(factors_of("cpu").launches * 4e-6 + more) == found.starting


def test_the_update_is_told_apart() -> None:
    found = parts(step(moment="update", kind="pointwise", read_bytes=GB))
    assert (pytest.approx(1 / 1000 / FACTORS.copy_share), 0.0) == (found.update, found.elementwise)


def test_the_step_is_the_sum_of_its_parts() -> None:
    found = parts(step(flops=1e12, read_bytes=1.0, count=2))
    assert pytest.approx(found.products + found.starting) == total(found)


def test_a_rate_that_is_not_known_is_not_replaced() -> None:
    with pytest.raises(UnknownRateError, match="products in float16 is not known"):
        parts(step(dtype="float16", flops=1.0))
