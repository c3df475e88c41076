"""Combinations of software and hardware that are known to be bad."""

import pytest

from autoprec_probe import Accelerator, Cpu, HardwareProfile, Software
from autoprec_probe.known_problems import software_findings

ZEN4 = Cpu(architecture="x86_64", features=("avx2", "avx512_bf16"))


def nvidia(*capability: int, name: str = "A card", index: int = 0) -> Accelerator:
    major, minor = capability
    return Accelerator(kind="cuda", index=index, vendor="NVIDIA", name=name, compute_capability=(major, minor))


def amd(target: str) -> Accelerator:
    return Accelerator(kind="cuda", index=0, vendor="AMD", name="A card", gfx_target=target)


def machine(
    *devices: Accelerator, build: str | None = None, driver: str | None = None, **packages: str
) -> HardwareProfile:
    versions: dict[str, str | None] = {name.replace("_", "-"): version for name, version in packages.items()}
    software = Software(python="3.12.0", packages=versions, torch_build=build, cuda_driver=driver)
    return HardwareProfile(system="Linux", cpu=ZEN4, accelerators=devices, software=software)


def with_settings(profile: HardwareProfile, **settings: str) -> HardwareProfile:
    return profile.model_copy(update={"software": profile.software.model_copy(update={"settings": settings})})


VOLTA, PASCAL, TURING, ADA = nvidia(7, 0), nvidia(6, 0), nvidia(7, 5), nvidia(8, 9)
INTEL = Accelerator(kind="xpu", index=0, vendor="Intel", name="A GPU")


@pytest.mark.parametrize(
    ("profile", "keys"),
    [
        (machine(TURING, build="cpu", torch="2.9.0"), ["torch-without-the-device"]),
        (machine(TURING, torch="2.9.0+cpu"), ["torch-without-the-device"]),
        (machine(amd("gfx942"), build="cuda 12.8", torch="2.9.0"), ["torch-without-the-device"]),
        (machine(INTEL, build="cpu", torch="2.9.0"), ["torch-without-the-device"]),
        (machine(TURING, build="cuda 12.8", torch="2.9.0"), []),
        (machine(amd("gfx942"), build="rocm 6.4", torch="2.9.0"), []),
        (machine(TURING, torch="2.9.0"), []),
        (machine(amd("gfx1036"), build="cpu", torch="2.9.0"), ["graphics-without-kernels"]),
        (machine(VOLTA, build="cuda 13.0", torch="2.9.0"), ["torch-without-the-capability"]),
        (machine(VOLTA, build="cuda 12.8", torch="2.11.0"), ["torch-without-the-capability"]),
        (machine(VOLTA, build="cuda 12.8", torch="2.8.0"), []),
        (machine(PASCAL, build="cuda 12.8", torch="2.8.0"), ["torch-without-the-capability"]),
        (machine(PASCAL, build="cuda 12.6", torch="2.11.0"), []),
        (machine(TURING, build="cuda 13.0", torch="2.11.0"), []),
        (machine(TURING, build="cuda 13.0", driver="12.4", torch="2.9.0"), ["driver-older-than-torch"]),
        (machine(TURING, build="cuda 12.8", driver="12.4", torch="2.9.0"), []),
        (
            machine(VOLTA, build="cuda 13.0", torch="2.9.0", bitsandbytes="0.50.0"),
            ["torch-without-the-capability", "bitsandbytes-without-the-capability"],
        ),
        (
            machine(PASCAL, build="cuda 12.8", torch="2.7.0", bitsandbytes="0.48.0"),
            ["bitsandbytes-without-the-capability"],
        ),
        (machine(VOLTA, build="cuda 12.8", torch="2.7.0", bitsandbytes="0.48.0"), []),
        (
            machine(ADA, build="cuda 12.1", torch="2.5.0", transformer_engine="2.0", nvidia_cublas_cu12="12.1.0.26"),
            ["transformer-engine-refuses"],
        ),
        (machine(ADA, torch="2.5.0", transformer_engine="2.0"), []),
        (machine(VOLTA, torch="2.5.0", transformer_engine="2.0"), ["transformer-engine-refuses"]),
        (machine(torch="2.9.0", torch_xla="2.8.1"), ["torch-xla-of-another-version"]),
        (machine(torch="2.9.1", torch_xla="2.9.0"), []),
        (machine(torch="2.9.0", deepspeed="0.19.8"), ["deepspeed-without-fp16"]),
        (machine(TURING, torch="2.9.0", deepspeed="0.19.8"), []),
        (with_settings(machine(), ONEDNN_MAX_CPU_ISA="AVX2"), ["onednn-kept-from-units"]),
        (with_settings(machine(), ONEDNN_MAX_CPU_ISA="AVX512_CORE_BF16"), []),
        (with_settings(machine(amd("gfx1031")), HSA_OVERRIDE_GFX_VERSION="10.3.0"), ["rocm-told-of-another-target"]),
        (machine(), []),
    ],
)
def test_each_problem_is_found_where_it_is_and_only_there(profile: HardwareProfile, keys: list[str]) -> None:
    assert keys == [each.key for each in software_findings(profile)]


def test_eight_equal_devices_have_one_problem() -> None:
    eight = [nvidia(7, 0, index=index) for index in range(8)]
    assert 1 == len(software_findings(machine(*eight, build="cpu")))


def test_a_lost_device_makes_no_finding() -> None:
    lost = Accelerator(kind="cuda", index=0, vendor="NVIDIA", error="GPU is lost")
    assert () == software_findings(machine(lost, build="cpu"))


def test_a_finding_says_what_to_do_and_where_it_can_be_checked() -> None:
    (finding,) = software_findings(machine(nvidia(7, 0, name="Tesla V100"), build="cuda 13.0", torch="2.9.0"))
    assert "kernels from compute capability 7.5 on, and Tesla V100 has 7.0." in finding.sentence
    assert ("Install a build for CUDA 12.6", True) == (finding.remedy[:29], finding.source.startswith("https://"))


def test_findings_are_part_of_the_profile_and_follow_from_it() -> None:
    profile = machine(TURING, build="cpu")
    told = HardwareProfile.model_validate_json(profile.model_dump_json())
    assert (profile, software_findings(profile)) == (told, told.findings)
