"""Where bitsandbytes quantizes weights, and why not elsewhere."""

import pytest

from autoprec_probe import Accelerator, Candidate, Cpu, HardwareProfile, Software, Support, precision_table, support
from autoprec_probe.precision import BITSANDBYTES

NATIVE, EMULATED, UNSUPPORTED, MISSING = "native", "emulated", "unsupported", "missing-package"
FOUR_BIT = tuple(each for each in BITSANDBYTES if "int8" not in each)

ZEN5 = Cpu(architecture="x86_64", features=("avx2", "avx512_bf16", "avx512_vnni", "avx512f"))
SKYLAKE = Cpu(architecture="x86_64", features=("avx2", "avx512bw", "avx512f"))
HASWELL = Cpu(architecture="x86_64", features=("avx2",))
SANDY_BRIDGE = Cpu(architecture="x86_64", features=("avx",))
NEOVERSE = Cpu(architecture="aarch64", features=("asimd", "bf16", "i8mm"))
POWER = Cpu(architecture="ppc64le")
UNTOLD = Cpu(architecture="x86_64")


def machine(*devices: Accelerator, cpu: Cpu = HASWELL, package: str | None = "0.50.2") -> HardwareProfile:
    return HardwareProfile(
        system="Linux",
        cpu=cpu,
        accelerators=devices,
        software=Software(python="3.11.0", packages={"torch": "2.13.0", "bitsandbytes": package}),
    )


def nvidia(*capability: int) -> Accelerator:
    known = (capability[0], capability[1]) if capability else None
    return Accelerator(kind="cuda", index=0, vendor="NVIDIA", name="A card", compute_capability=known)


def amd(target: str | None) -> Accelerator:
    return Accelerator(kind="cuda", index=0, vendor="AMD", name="A card", gfx_target=target)


XPU = Accelerator(kind="xpu", index=0, vendor="Intel", name="A GPU")
MPS = Accelerator(kind="mps", index=0, vendor="Apple", name="A GPU")
TPU = Accelerator(kind="tpu", index=0, vendor="Google", name="A TPU")


def verdict(precision: str, profile: HardwareProfile) -> Support:
    return support(Candidate(precision=precision), profile)


@pytest.mark.parametrize(
    ("profile", "four_bit", "int8", "training"),
    [
        pytest.param(machine(cpu=ZEN5), NATIVE, NATIVE, EMULATED, id="zen5"),
        pytest.param(machine(cpu=SKYLAKE), EMULATED, EMULATED, EMULATED, id="skylake"),
        pytest.param(machine(cpu=HASWELL), EMULATED, EMULATED, EMULATED, id="haswell"),
        pytest.param(machine(cpu=NEOVERSE), EMULATED, EMULATED, EMULATED, id="neoverse"),
        pytest.param(machine(cpu=UNTOLD), EMULATED, EMULATED, EMULATED, id="untold"),
        pytest.param(machine(cpu=SANDY_BRIDGE), UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, id="sandybridge"),
        pytest.param(machine(cpu=POWER), UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, id="power"),
        pytest.param(machine(nvidia(5, 2)), UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, id="maxwell"),
        pytest.param(machine(nvidia(6, 0)), NATIVE, UNSUPPORTED, UNSUPPORTED, id="p100"),
        pytest.param(machine(nvidia(7, 0)), NATIVE, UNSUPPORTED, UNSUPPORTED, id="v100"),
        pytest.param(machine(nvidia(7, 5)), NATIVE, NATIVE, NATIVE, id="t4"),
        pytest.param(machine(nvidia(9, 0)), NATIVE, NATIVE, NATIVE, id="h100"),
        pytest.param(machine(nvidia()), EMULATED, EMULATED, EMULATED, id="unknown-nvidia"),
        pytest.param(machine(amd("gfx942")), NATIVE, NATIVE, NATIVE, id="mi300x"),
        pytest.param(machine(amd("gfx1100")), NATIVE, NATIVE, NATIVE, id="7900xtx"),
        pytest.param(machine(amd("gfx906")), UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, id="mi50"),
        pytest.param(machine(amd(None)), UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, id="unknown-amd"),
        pytest.param(machine(XPU), NATIVE, NATIVE, NATIVE, id="xpu"),
        pytest.param(machine(MPS), EMULATED, EMULATED, EMULATED, id="mps"),
        pytest.param(machine(TPU), UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, id="tpu"),
    ],
)
def test_support_is_what_bitsandbytes_has_kernels_for(
    profile: HardwareProfile,
    four_bit: str,
    int8: str,
    training: str,
) -> None:
    assert {four_bit} == {verdict(each, profile).level for each in FOUR_BIT}
    assert int8 == verdict("bnb-int8", profile).level
    assert training == verdict("bnb-int8-training", profile).level


@pytest.mark.parametrize("precision", BITSANDBYTES)
def test_a_missing_package_comes_with_the_pip_command(precision: str) -> None:
    answer = verdict(precision, machine(nvidia(9, 0), package=None))
    assert (MISSING, "pip install bitsandbytes") == (answer.level, answer.remedy)


def test_what_installing_would_not_mend_is_told_first() -> None:
    assert UNSUPPORTED == verdict("bnb-int8", machine(nvidia(7, 0), package=None)).level
    assert UNSUPPORTED == verdict("bnb-nf4", machine(TPU, package=None)).level


def test_other_precisions_do_not_need_bitsandbytes() -> None:
    levels = {each.candidate.precision: each.level for each in precision_table(machine(cpu=ZEN5, package=None))}
    assert set(BITSANDBYTES) == {precision for precision, level in levels.items() if level == MISSING}


def test_every_verdict_has_a_source() -> None:
    for profile in (
        machine(cpu=ZEN5),
        machine(cpu=HASWELL),
        machine(nvidia(7, 0)),
        machine(nvidia(9, 0)),
        machine(TPU),
    ):
        assert all((verdict(each, profile).source or "").startswith("https://") for each in BITSANDBYTES)
