"""A machine that is not at hand, from its hardware key."""

import pytest

from autoprec_probe import HardwareProfile, precision_table
from autoprec_probe.catalog import accelerators, profile_from_key
from autoprec_probe.errors import CatalogError

CPU_KEYS = [
    "cpu-x86-amx_fp16-128c",
    "cpu-x86-amx_bf16-56c",
    "cpu-x86-avx512_fp16-16c",
    "cpu-x86-avx512_bf16-2c",
    "cpu-x86-avx512f-8c",
    "cpu-x86-avx2-8c",
    "cpu-x86-base-1c",
    "cpu-arm-bf16-64c",
    "cpu-arm-asimdhp-80c",
    "cpu-arm-base-4c",
    "cpu-power-base-160c",
    "cpu-s390-base-8c",
    "cpu-loongarch64-base",
]


@pytest.mark.parametrize("key", [*CPU_KEYS, *(row.key for row in accelerators()), "nvidia-h100-pcie-mig"])
def test_a_profile_has_the_key_that_it_was_made_from_and_a_verdict_on_everything(key: str) -> None:
    profile = profile_from_key(key)
    assert key == profile.key
    assert profile == HardwareProfile.model_validate_json(profile.model_dump_json())
    assert set() == {each.level for each in precision_table(profile)} - {"native", "emulated", "unsupported"}


def test_an_accelerator_brings_what_decides_about_precision() -> None:
    (device,) = profile_from_key("nvidia-h100-80gb-hbm3").accelerators
    assert ("cuda", "NVIDIA", "NVIDIA H100 80GB HBM3", "hopper", (9, 0), 81559 * 2**20) == (
        device.kind,
        device.vendor,
        device.name,
        device.architecture,
        device.compute_capability,
        device.memory_total_bytes,
    )


def test_another_of_its_names_gives_another_key_for_the_same_device() -> None:
    profile = profile_from_key("nvidia-h100-sxm")
    assert ("nvidia-h100-sxm", "NVIDIA H100 SXM") == (profile.key, profile.accelerators[0].name)


def test_nothing_is_known_of_its_software() -> None:
    assert {} == profile_from_key("amd-instinct-mi300x").software.packages


def test_how_large_a_slice_is_is_not_known() -> None:
    (device,) = profile_from_key("nvidia-h100-pcie-mig").accelerators
    assert (True, None) == (device.partitioned, device.memory_total_bytes)


def test_a_mac_has_its_own_processor() -> None:
    profile = profile_from_key("apple-m3-max")
    assert ("Darwin", "m3", "mps") == (profile.system, profile.cpu.microarchitecture, profile.default_device)


def test_a_cpu_has_the_features_that_its_best_one_implies() -> None:
    cpu = profile_from_key("cpu-x86-avx512_bf16-2c").cpu
    assert {"avx512_bf16", "avx512f", "avx512_vnni", "avx2"} <= set(cpu.features)
    assert ("x86_64", 2) == (cpu.architecture, cpu.usable_cores)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("cpu-x86-avx10-2c", r"Features of 'x86': amx_fp16, .*base"),
        ("cpu-x86_64-base-2c", "Families: x86, arm"),
        ("cpu-arm-avx2-2c", "Features of 'arm': bf16, asimdhp, base"),
        ("cpu-x86", "One looks like cpu-x86-avx512_bf16-2c"),
        ("cpu-x86-avx2-0c", "is no key of a CPU"),
        ("nvidia-h1000", "Nearest: nvidia-h"),
        ("", "no accelerator ''"),
    ],
)
def test_a_key_of_nothing_is_an_error_that_says_what_there_is(key: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        profile_from_key(key)
