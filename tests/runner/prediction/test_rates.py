"""Rates from measurements, from the catalogue and from the instruction set."""

import pytest

from autoprec_probe.catalog import accelerator_by_key, profile_from_key
from autoprec_probe.errors import CatalogError
from autoprec_probe.profile import HardwareProfile, MeasuredRate
from autoprec_runner.prediction.catalogue import catalogue_rates
from autoprec_runner.prediction.instruction_set import instruction_set_rates
from autoprec_runner.prediction.machine import machine_for
from autoprec_runner.prediction.rates import Rates, measured_rates

HERE_KEY = "cpu-x86-avx512_bf16-4c"


def rate(operation: str, dtype: str = "float32", **figures: object) -> MeasuredRate:
    return MeasuredRate.model_validate({"device": "cpu", "operation": operation, "dtype": dtype, **figures})


MEASURED = (
    rate("matmul", tflops=0.2),
    rate("matmul", matmul_precision="medium", tflops=0.3),
    rate("matmul", "float16", error="Cut off."),
    rate("launch", seconds=2e-6),
    rate("copy", touched_bytes=2**20, gbytes_per_second=100.0),
    rate("copy", touched_bytes=2**30, gbytes_per_second=25.0),
)


@pytest.fixture
def here() -> HardwareProfile:
    return profile_from_key(HERE_KEY).model_copy(update={"measured": MEASURED})


def known(found: Rates | None) -> Rates:
    assert found is not None
    return found


def test_measured_rates_are_found_by_dtype_and_matmul_precision() -> None:
    rates = known(measured_rates(MEASURED, "cpu", memory_bytes=None))
    asked = [
        rates.product_rate(*each) for each in (("float32", "highest"), ("float32", "medium"), ("float16", "highest"))
    ]
    assert [0.2e12, 0.3e12, None] == asked


@pytest.mark.parametrize(("touched", "expected"), [(1, 100), (2**20, 100), (2**25, 50), (2**30, 25), (2**40, 25)])
def test_copies_slow_down_from_cache_to_memory(touched: int, expected: float) -> None:
    assert pytest.approx(expected * 1e9) == known(measured_rates(MEASURED, "cpu", memory_bytes=None)).copy_rate(touched)


@pytest.mark.parametrize("left", [MEASURED[1:], MEASURED[:4], ()])
def test_without_fp32_or_copies_there_are_no_rates(left: tuple[MeasuredRate, ...]) -> None:
    assert measured_rates(left, "cpu", memory_bytes=None) is None


def test_rates_of_another_device_do_not_count() -> None:
    assert measured_rates(MEASURED, "cuda", memory_bytes=None) is None


def test_the_catalogue_gives_dense_peaks() -> None:
    rates = known(catalogue_rates(accelerator_by_key("nvidia-h100-80gb-hbm3"), "cuda"))
    assert ("catalogue", 67e12) == (rates.basis, rates.product_rate("float32", "highest"))
    bf16, tf32 = rates.product_rate("bfloat16", "highest"), rates.product_rate("float32", "high")
    assert 1.9 < (bf16 or 0.0) / (tf32 or 1.0) < 2.1
    assert 80e9 < (rates.memory_bytes or 0) < 90e9


@pytest.mark.parametrize(
    ("key", "faster"),
    [
        ("cpu-x86-avx2-8c", {}),
        ("cpu-x86-avx512_bf16-8c", {"bfloat16": 2.0}),
        ("cpu-x86-amx_bf16-8c", {"bfloat16": 4.8, "float16": 2.0}),
        ("cpu-arm-bf16-8c", {"bfloat16": 4.0, "float16": 2.0}),
    ],
)
def test_an_instruction_set_has_half_precision_or_not(key: str, faster: dict[str, float]) -> None:
    rates = instruction_set_rates(profile_from_key(key).cpu)
    reference = rates.tflops["float32", "highest"]
    found = {dtype: rate / reference for (dtype, _), rate in rates.tflops.items() if dtype in {"bfloat16", "float16"}}
    assert pytest.approx(faster) == found


def test_twice_the_cores_are_twice_as_fast() -> None:
    one, two = (instruction_set_rates(profile_from_key(f"cpu-x86-avx2-{cores}c").cpu) for cores in (4, 8))
    assert pytest.approx(2 * one.tflops["float32", "highest"]) == two.tflops["float32", "highest"]


def test_this_machine_answers_with_what_was_measured_on_it(here: HardwareProfile) -> None:
    machine = machine_for(HERE_KEY, here)
    assert ("measured", "cpu", HERE_KEY) == (machine.rates.basis, machine.device, machine.key)


@pytest.mark.parametrize(
    ("key", "basis", "device"),
    [
        ("nvidia-h100-80gb-hbm3", "catalogue", "cuda"),
        ("nvidia-tesla-t4", "catalogue", "cuda"),
        ("cpu-x86-amx_bf16-32c", "estimated", "cpu"),
    ],
)
def test_a_machine_that_is_not_at_hand_is_known_by_its_key(
    here: HardwareProfile, key: str, basis: str, device: str
) -> None:
    machine = machine_for(key, here)
    assert (basis, device, key) == (machine.rates.basis, machine.device, machine.key)


def test_a_key_that_nobody_has_is_refused_with_the_nearest(here: HardwareProfile) -> None:
    with pytest.raises(CatalogError, match="nvidia-tesla-t4"):
        machine_for("nvidia-tesla-t44", here)
