"""What each architecture makes of each precision, as one table.

N is native, e emulated, - unsupported. Columns: 32-true, bf16-mixed, 16-mixed, bf16-true, 16-true, 64-true,
transformer-engine, bnb-nf4, bnb-int8, and 32-true with matmul_precision high.
"""

import pytest

from autoprec_probe import Accelerator, Candidate, Cpu, HardwareProfile, Software, support
from autoprec_probe.catalog import architectures, profile_from_key

CANDIDATES = (
    Candidate(precision="32-true"),
    Candidate(precision="bf16-mixed"),
    Candidate(precision="16-mixed"),
    Candidate(precision="bf16-true"),
    Candidate(precision="16-true"),
    Candidate(precision="64-true"),
    Candidate(precision="transformer-engine"),
    Candidate(precision="bnb-nf4"),
    Candidate(precision="bnb-int8"),
    Candidate(precision="32-true", matmul_precision="high"),
)

LETTERS = {"native": "N", "emulated": "e", "unsupported": "-", "missing-package": "?"}

NVIDIA = """
      32 bfm 16m bft 16t 64  te nf4 int8 tf32
3.7   N   e   e   e   e   N   -   -   -   -
5.2   N   e   e   e   e   N   -   -   -   -
5.3   N   e   N   e   N   N   -   -   -   -
6.0   N   e   N   e   N   N   -   N   -   -
6.1   N   e   e   e   e   N   -   N   -   -
6.2   N   e   N   e   N   N   -   N   -   -
7.0   N   e   N   e   N   N   -   N   -   -
7.2   N   e   N   e   N   N   -   N   -   -
7.5   N   e   N   e   N   N   -   N   N   -
8.0   N   N   N   N   N   N   -   N   N   N
8.6   N   N   N   N   N   N   -   N   N   N
8.7   N   N   N   N   N   N   -   N   N   N
8.9   N   N   N   N   N   N   N   N   N   N
9.0   N   N   N   N   N   N   N   N   N   N
10.0  N   N   N   N   N   N   N   N   N   N
10.3  N   N   N   N   N   N   N   N   N   N
11.0  N   N   N   N   N   N   N   N   N   N
12.0  N   N   N   N   N   N   N   N   N   N
12.1  N   N   N   N   N   N   N   N   N   N
13.0  N   N   N   N   N   N   N   N   N   N
8.8   N   N   N   N   N   N   -   N   N   N
2.0   N   e   e   e   e   N   -   -   -   -
"""

AMD = """
         32 bfm 16m bft 16t 64  te nf4 int8 tf32
gfx900   N   e   N   e   N   N   -   -   -   -
gfx906   N   e   N   e   N   N   -   -   -   -
gfx908   N   N   N   N   N   N   -   N   N   -
gfx90a   N   N   N   N   N   N   -   N   N   -
gfx942   N   N   N   N   N   N   -   N   N   -
gfx950   N   N   N   N   N   N   -   N   N   -
gfx1010  N   e   N   e   N   N   -   N   N   -
gfx1030  N   e   N   e   N   N   -   N   N   -
gfx1100  N   N   N   N   N   N   -   N   N   -
gfx1151  N   N   N   N   N   N   -   N   N   -
gfx1201  N   N   N   N   N   N   -   N   N   -
gfx9999  N   e   e   e   e   N   -   -   -   -
"""

OTHERS = """
             32 bfm 16m bft 16t 64  te nf4 int8 tf32
xe-hpc       N   N   N   N   N   N   -   N   N   -
xe-hpg       N   N   N   N   N   -   -   N   N   -
xe-lpg       N   e   N   e   N   e   -   N   N   -
xe2          N   N   N   N   N   e   -   N   N   -
xpu          N   N   N   N   N   e   -   N   N   -
gaudi        -   -   -   -   -   -   -   -   -   -
gaudi2       -   -   -   -   -   -   -   -   -   -
gaudi3       -   -   -   -   -   -   -   -   -   -
apple-m1     N   e   N   e   N   -   -   e   e   -
apple-m2     N   e   N   e   N   -   -   e   e   -
apple-m3     N   N   N   N   N   -   -   e   e   -
apple-m4     N   N   N   N   N   -   -   e   e   -
mps          N   e   N   e   N   -   -   e   e   -
tpu-v2       N   N   e   N   e   e   -   -   -   -
tpu-v4       N   N   e   N   e   e   -   -   -   -
tpu-v5e      N   N   e   N   e   e   -   -   -   -
tpu-v7x      N   N   e   N   e   e   -   -   -   -
tpu          N   N   e   N   e   e   -   -   -   -
"""

CPUS = """
                    32 bfm 16m bft 16t 64  te nf4 int8 high
x86-amx_fp16        N   N   N   N   N   N   -   N   N   -
x86-amx_bf16        N   N   N   N   N   N   -   N   N   -
x86-avx512_bf16     N   N   e   N   e   N   -   N   N   -
x86-avx512f         N   e   e   e   e   N   -   e   e   -
x86-avx2            N   e   e   e   e   N   -   e   e   -
x86-base            N   e   e   e   e   N   -   -   -   -
arm-bf16            N   N   N   N   N   N   -   e   e   -
arm-asimdhp         N   e   N   e   N   N   -   e   e   -
arm-base            N   e   e   e   e   N   -   e   e   -
power-base          N   e   e   e   e   N   -   -   -   -
"""


def rows(table: str) -> list[tuple[str, str]]:
    lines = table.strip("\n").splitlines()[1:]
    return [(line.split()[0], "".join(line.split()[1:])) for line in lines]


def machine(accelerator: Accelerator) -> HardwareProfile:
    software = Software(python="3.11.0", packages={"torch": "2.13.0"})
    return HardwareProfile(
        system="Linux",
        cpu=Cpu(architecture="x86_64"),
        accelerators=(accelerator,),
        software=software,
    )


def letters(profile: HardwareProfile) -> str:
    answers = [support(candidate, profile) for candidate in CANDIDATES]
    assert [] == [
        each for each in answers if not each.reason.endswith(".") or (each.level != "native") > bool(each.remedy)
    ]
    return "".join(LETTERS[each.level] for each in answers)


@pytest.mark.parametrize(("capability", "expected"), rows(NVIDIA))
def test_nvidia_by_compute_capability(capability: str, expected: str) -> None:
    major, minor = map(int, capability.split("."))
    card = Accelerator(kind="cuda", index=0, vendor="NVIDIA", name="A card", compute_capability=(major, minor))
    assert expected == letters(machine(card))


@pytest.mark.parametrize(("target", "expected"), rows(AMD))
def test_amd_by_target(target: str, expected: str) -> None:
    card = Accelerator(kind="cuda", index=0, vendor="AMD", name="A card", gfx_target=target)
    assert expected == letters(machine(card))


@pytest.mark.parametrize(("name", "expected"), rows(OTHERS))
def test_others_by_architecture(name: str, expected: str) -> None:
    row = next(each for each in architectures() if each.name == name)
    device = Accelerator(kind=row.device, index=0, vendor=row.vendor, name="A device", architecture=name)
    assert expected == letters(machine(device))


@pytest.mark.parametrize(("key", "expected"), rows(CPUS))
def test_cpus_by_their_best_feature(key: str, expected: str) -> None:
    assert expected == letters(profile_from_key(f"cpu-{key}-8c"))


def test_every_architecture_is_in_the_table_or_like_one_that_is() -> None:
    named = {name for name, _ in rows(OTHERS)}
    left = {each.name for each in architectures() if each.device != "cuda"} - named
    assert {"xe-lpg-plus", "xe3", "apple-m5", "tpu-v3", "tpu-v5p", "tpu-v6e"} == left


def reason(precision: str, accelerator: Accelerator) -> str:
    return support(Candidate(precision=precision), machine(accelerator)).reason


def nvidia(capability: tuple[int, int] | None, name: str = "A card", architecture: str | None = None) -> Accelerator:
    return Accelerator(
        kind="cuda",
        index=0,
        vendor="NVIDIA",
        name=name,
        architecture=architecture,
        compute_capability=capability,
    )


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-true", "64-true", "transformer-engine"])
def test_a_capability_newer_than_the_tables_says_what_is_assumed(precision: str) -> None:
    told = reason(precision, nvidia((13, 0)))
    assert "Compute capability 13.0 is newer than autoprec's tables, which end at 12.1" in told
    assert "that it computes what 12.1 does is assumed." in told


def test_a_capability_between_those_of_the_tables_says_what_is_assumed() -> None:
    told = reason("bf16-mixed", nvidia((8, 8)))
    assert "Compute capability 8.8 is not in autoprec's tables: that it computes what 8.7 does is assumed." in told


def test_a_device_that_tells_no_capability_is_judged_by_its_model() -> None:
    assert "Tesla T4 (compute capability 7.5) has no bf16 arithmetic" in reason("bf16-mixed", nvidia(None, "Tesla T4"))


def test_a_device_that_tells_nothing_computes_in_fp32_and_fp64_and_leaves_the_rest_to_trials() -> None:
    assert "NeeeeN-eee" == letters(machine(nvidia(None)))


def test_of_a_pascal_that_tells_no_capability_fp16_is_not_promised() -> None:
    assert "64th of fp32's rate" in reason("16-mixed", nvidia(None, architecture="pascal"))


def test_a_targets_features_do_not_matter() -> None:
    card = Accelerator(kind="cuda", index=0, vendor="AMD", name="A card", gfx_target="gfx90a:sramecc+:xnack-")
    assert "A card (gfx90a) has matrix units for bf16." == reason("bf16-mixed", card)


def test_an_amd_device_without_a_target_is_judged_by_its_model() -> None:
    card = Accelerator(kind="cuda", index=0, vendor="AMD", name="AMD Instinct MI100")
    assert "AMD Instinct MI100 (gfx908) has matrix units for bf16, at half the rate of fp16." == reason(
        "bf16-true", card
    )


@pytest.mark.parametrize(
    ("target", "flavour"),
    [("gfx942", "FNUZ flavour"), ("gfx950", "OCP flavour"), ("gfx1200", "OCP flavour")],
)
def test_amds_fp8_is_told_with_its_flavour_and_its_package(target: str, flavour: str) -> None:
    card = Accelerator(kind="cuda", index=0, vendor="AMD", name="A card", gfx_target=target)
    answer = support(Candidate(precision="transformer-engine"), machine(card))
    assert flavour in answer.reason
    assert "AMD's own Transformer Engine (ROCm/TransformerEngine)" in answer.reason
    assert "https://github.com/ROCm/TransformerEngine" == answer.source


def test_a_gpu_of_intel_is_told_by_its_name() -> None:
    arc = Accelerator(kind="xpu", index=0, vendor="Intel", name="Intel(R) Arc(TM) A770 Graphics")
    answer = support(Candidate(precision="64-true"), machine(arc))
    assert ("unsupported", "https://github.com/intel/torch-xpu-ops/issues/1742") == (answer.level, answer.source)


@pytest.mark.parametrize(("name", "level"), [("Apple M2 Ultra", "emulated"), ("Apple M3", "native")])
def test_an_apple_gpu_is_told_by_its_name(name: str, level: str) -> None:
    gpu = Accelerator(kind="mps", index=0, vendor="Apple", name=name)
    assert level == support(Candidate(precision="bf16-mixed"), machine(gpu)).level


def test_the_gpu_of_an_intel_mac_is_of_no_generation_of_apples() -> None:
    gpu = Accelerator(kind="mps", index=0, vendor="Apple", name="AMD Radeon Pro 5500M")
    profile = machine(gpu).model_copy(update={"cpu": Cpu(architecture="x86_64", microarchitecture="skylake")})
    assert "may emulate bf16" in support(Candidate(precision="bf16-mixed"), profile).reason


def test_an_apple_chip_newer_than_the_tables_says_what_is_assumed() -> None:
    told = reason("bf16-mixed", Accelerator(kind="mps", index=0, vendor="Apple", name="Apple M9 Pro"))
    assert "M9 is newer than autoprec's tables, which end at M5: that it computes what M5 does is assumed." in told


def test_what_rests_on_memory_alone_says_so() -> None:
    told = reason("bf16-mixed", Accelerator(kind="xpu", index=0, vendor="Intel", name="A GPU", architecture="xe3"))
    assert "A GPU has matrix units for bf16. What autoprec knows of xe3 is unverified." == told


def test_16_mixed_on_a_tpu_is_said_to_run_in_bf16() -> None:
    tpu = Accelerator(kind="tpu", index=0, vendor="Google", name="TPU v5e")
    assert "16-mixed autocasts to bf16, the only half precision of a TPU, and the effective dtypes say bf16" in (
        reason("16-mixed", tpu)
    )


@pytest.mark.parametrize(
    ("capability", "packages", "precision", "level"),
    [
        ((6, 0), {"torch": "2.7.1+cu126"}, "bnb-nf4", "native"),
        ((6, 0), {"torch": "2.7.1+cu128"}, "bnb-nf4", "unsupported"),
        ((7, 0), {"torch": "2.7.1+cu128"}, "bnb-nf4", "native"),
        ((7, 0), {"torch": "2.7.1+cu130"}, "bnb-nf4", "unsupported"),
        ((7, 5), {"torch": "2.7.1+cu130"}, "bnb-int8", "native"),
        ((6, 1), {"torch": "2.8.0+cu126"}, "32-true", "native"),
        ((6, 1), {"torch": "2.8.0+cu128"}, "32-true", "missing-package"),
        ((7, 0), {"torch": "2.10.0+cu128"}, "32-true", "native"),
        ((7, 0), {"torch": "2.11.0+cu128"}, "32-true", "missing-package"),
        ((7, 0), {"torch": "2.9.0+cu130"}, "32-true", "missing-package"),
        ((7, 5), {"torch": "2.13.0+cu130"}, "32-true", "native"),
        ((7, 0), {"torch": "2.13.0", "nvidia-cuda-runtime": "13.0.96"}, "32-true", "missing-package"),
        ((7, 0), {"torch": "2.13.0"}, "32-true", "native"),
    ],
)
def test_builds_leave_old_devices_out(
    capability: tuple[int, int],
    packages: dict[str, str | None],
    precision: str,
    level: str,
) -> None:
    software = Software(python="3.11.0", packages=packages)
    profile = machine(nvidia(capability)).model_copy(update={"software": software})
    answer = support(Candidate(precision=precision), profile)
    assert level == answer.level
    assert ("CUDA 12.6" in (answer.remedy or "")) == (level != "native")
