import math

import pytest

from autoprec_probe.catalog import accelerators
from autoprec_service.advice.hardware import distance_of_keys

H100, H200, T4 = "nvidia-h100-80gb-hbm3", "nvidia-h200", "nvidia-tesla-t4"
CPU = "cpu-x86-avx512_bf16-2c"


@pytest.mark.parametrize("key", [H100, CPU, "somebody-s-own-accelerator"])
def test_hardware_is_at_no_distance_from_itself(key: str) -> None:
    assert 0.0 == distance_of_keys(key, key)


def test_two_of_one_architecture_are_near() -> None:
    assert distance_of_keys(H100, H200) < 0.5
    assert distance_of_keys(CPU, "cpu-x86-avx512_bf16-16c") < 0.5


def test_hardware_without_bfloat16_is_far_from_hardware_with_it() -> None:
    assert distance_of_keys(H100, T4) > 1
    assert distance_of_keys(CPU, "cpu-x86-avx2-2c") > 1


def test_a_cpu_is_farther_from_a_gpu_than_any_two_of_nvidia() -> None:
    keys = [each.key for each in accelerators() if each.vendor == "NVIDIA"]
    assert distance_of_keys(CPU, H100) > distance_of_keys(H100, T4)
    assert all(math.isfinite(distance_of_keys(H100, each)) for each in keys)


def test_distances_are_the_same_both_ways() -> None:
    for one, other in ((H100, T4), (CPU, H100), ("amd-instinct-mi300x", H100)):
        assert distance_of_keys(one, other) == pytest.approx(distance_of_keys(other, one))


def test_what_is_in_no_catalogue_is_near_nothing() -> None:
    assert math.inf == distance_of_keys(H100, "somebody-s-own-accelerator")
