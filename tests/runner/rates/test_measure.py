"""The parent's side of the micro-benchmark, with a child whose operations take a given time on a clock of their own."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from autoprec_probe.profile import MeasuredRate
from autoprec_runner.isolation.child import ChildEndedError, ChildTimeoutError
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.rates.measure import measure_rates, rates_worker

GFLOPS = {"float32": 100e9, "bfloat16": 200e9, "float64": 50e9, "int8": 400e9}
STARTING_SECONDS = 5e-6


class Clock:
    """A clock that only moves when something takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeChild:
    """A device with the rates above; float16 never answers, fp8 is refused, float64 ends the process when copied."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.closed = False

    def ask(self, request: Mapping[str, Any], *, timeout_seconds: float) -> dict[str, Any]:
        assert not self.closed
        self._clock.now += request["max_seconds"]
        dtype, operation = request["dtype"], request["operation"]
        if dtype == "float16":
            self._clock.now += timeout_seconds
            raise ChildTimeoutError("No answer.")
        if dtype.startswith("float8"):
            return {"error": "RuntimeError: not here"}
        if operation == "copy":
            if dtype == "float64":
                raise ChildEndedError("The process was ended by SIGSEGV.", exit_code=-11)
            return {"seconds": request["touched_bytes"] / 20e9}
        size = request["size"]
        return {"seconds": STARTING_SECONDS + 2 * size**3 / GFLOPS[dtype]}

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def measured() -> Callable[..., dict[tuple[str, ...], MeasuredRate]]:
    def run(budget_seconds: float = 60.0) -> dict[tuple[str, ...], MeasuredRate]:
        clock, children = Clock(), list[FakeChild]()

        def start() -> FakeChild:
            assert all(each.closed for each in children)
            children.append(FakeChild(clock))
            return children[-1]

        found = measure_rates("cpu", start, budget_seconds=budget_seconds, clock=clock)
        assert all(each.closed for each in children)
        assert len(found) == len(
            {(each.operation, each.dtype, each.matmul_precision, each.touched_bytes) for each in found}
        )
        return {(each.operation, each.dtype, each.matmul_precision): each for each in found}

    return run


def test_a_rate_is_that_of_large_products(measured: Callable[..., Any]) -> None:
    found = measured()
    rates = [found["matmul", dtype, "highest"].tflops for dtype in ("float32", "bfloat16", "float64", "int8")]
    assert pytest.approx([0.1, 0.2, 0.05, 0.4], rel=0.02) == rates


def test_what_does_not_answer_is_cut_off_and_says_what_it_is_below(measured: Callable[..., Any]) -> None:
    rate = measured()["matmul", "float16", "highest"]
    assert (None, True) == (
        rate.tflops,
        rate.error.startswith("Cut off: two products of 128x128 took more than 1.04 s"),
    )


def test_a_cut_off_or_a_death_leaves_the_others_alone(measured: Callable[..., Any]) -> None:
    found = measured()
    assert {"float16", "float8_e4m3fn"} == {
        each.dtype for each in found.values() if each.error and each.operation == "matmul"
    }
    assert pytest.approx(20) == found["copy", "float32", "highest"].gbytes_per_second
    assert "SIGSEGV" in found["copy", "float64", "highest"].error


def test_what_torch_refuses_says_so(measured: Callable[..., Any]) -> None:
    assert "torch refuses: RuntimeError: not here" == measured()["matmul", "float8_e4m3fn", "highest"].error


def test_starting_a_product_is_a_rate_of_its_own(measured: Callable[..., Any]) -> None:
    assert pytest.approx(STARTING_SECONDS, rel=0.2) == measured()["launch", "float32", "highest"].seconds


def test_what_there_was_no_time_for_says_so(measured: Callable[..., Any]) -> None:
    found = measured(budget_seconds=0.3)
    assert found["matmul", "float32", "highest"].tflops
    assert "Not measured" in found["copy", "float32", "highest"].error


def test_a_real_child_times_what_it_is_asked_to() -> None:
    with rates_worker(shared_forkserver(), "cpu")() as child:
        shared = {"dtype": "float32", "matmul_precision": "highest", "max_seconds": 0.05}
        product = child.ask({"operation": "matmul", "size": 64, **shared}, timeout_seconds=60)
        copy = child.ask({"operation": "copy", "touched_bytes": 2**20, **shared}, timeout_seconds=60)
        refused = child.ask({"operation": "matmul", **shared, "dtype": "complex999"}, timeout_seconds=60)
    assert (True, True, ["error"]) == (product["seconds"] > 0, copy["seconds"] > 0, list(refused))
