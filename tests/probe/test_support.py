"""Which candidates a machine can run, and why not the others."""

from itertools import product
from typing import get_args

import pytest

from autoprec_probe import (
    BUILT_IN,
    Accelerator,
    Candidate,
    Cpu,
    Device,
    ForeignPrecisionError,
    HardwareProfile,
    MatmulPrecision,
    Software,
    Strategy,
    Support,
    matmul_options,
    precision_table,
    support,
)
from autoprec_probe.nvidia import lowest_capability
from autoprec_probe.rules.case import FORMATS, NumberFormat, Platform
from autoprec_probe.rules.registry import _MATMUL_RULES, _RULES

NATIVE, EMULATED, UNSUPPORTED = "native", "emulated", "unsupported"

XLA_PACKAGES: dict[str, str | None] = {"torch": "2.9.1", "torch-xla": "2.9.0"}

ZEN4 = Cpu(architecture="x86_64", features=("avx2", "avx512_bf16", "avx512bw", "avx512dq", "avx512f", "avx512vl"))
FULL_ZEN4 = ZEN4.model_copy(update={"features": (*ZEN4.features, "avx", "fma", "avx512_vnni")})
SAPPHIRE_RAPIDS = Cpu(architecture="x86_64", features=("amx_bf16", "avx512_bf16", "avx512_fp16", "avx512f"))
COOPER_LAKE_WITHOUT_VNNI = Cpu(architecture="x86_64", features=("avx512_bf16", "avx512f"))
ICE_LAKE = Cpu(architecture="x86_64", features=("avx2", "avx512bw", "avx512dq", "avx512f", "avx512vl"))
HASWELL = Cpu(architecture="x86_64", model_name="Xeon E5-2640 v3", features=("avx2", "f16c", "fma"))
NEOVERSE_V2 = Cpu(architecture="aarch64", features=("asimd", "asimdhp", "bf16", "fphp", "sve2"))
NEOVERSE_N1 = Cpu(architecture="aarch64", features=("asimd", "asimdhp", "fphp"))
CORTEX_A53 = Cpu(architecture="aarch64", features=("asimd",))
POWER9 = Cpu(architecture="ppc64le", microarchitecture="power9")


def machine(
    *accelerators: Accelerator,
    cpu: Cpu = HASWELL,
    packages: dict[str, str | None] | None = None,
) -> HardwareProfile:
    return HardwareProfile(
        system="Linux",
        cpu=cpu,
        accelerators=accelerators,
        software=Software(python="3.11.0", packages={"torch": "2.9.0"} if packages is None else packages),
    )


def nvidia(
    major: int | None,
    minor: int = 0,
    *,
    name: str = "A card",
    architecture: str | None = None,
    error: str | None = None,
) -> Accelerator:
    return Accelerator(
        kind="cuda",
        index=0,
        vendor="NVIDIA",
        name=name,
        architecture=architecture,
        compute_capability=None if major is None else (major, minor),
        error=error,
    )


def amd(target: str) -> Accelerator:
    return Accelerator(kind="cuda", index=0, vendor="AMD", name="A card", gfx_target=target)


def other(kind: Device, architecture: str | None = None) -> Accelerator:
    return Accelerator(kind=kind, index=0, vendor="A maker", name="A device", architecture=architecture)


def levels(
    profile: HardwareProfile,
    device: Device | None = None,
    strategy: Strategy = "single",
) -> dict[str, str]:
    """Return the levels of what PyTorch itself runs; FP8 and bitsandbytes have their own tests."""
    own = ("fp8", "4-bit", "int8")
    table = precision_table(profile, device, strategy)
    return {each.candidate.precision: each.level for each in table if FORMATS[each.candidate.precision] not in own}


def expected_levels(bf16: str, fp16: str, fp64: str = NATIVE) -> dict[str, str]:
    return {
        "32-true": NATIVE,
        "bf16-mixed": bf16,
        "16-mixed": fp16,
        "bf16-true": bf16,
        "16-true": fp16,
        "64-true": fp64,
    }


def verdict(precision: str, profile: HardwareProfile, device: Device | None = None) -> Support:
    return support(Candidate(precision=precision), profile, device)


@pytest.mark.parametrize(
    ("cpu", "bf16", "fp16"),
    [
        pytest.param(HASWELL, EMULATED, EMULATED, id="haswell"),
        pytest.param(ICE_LAKE, EMULATED, EMULATED, id="icelake"),
        pytest.param(COOPER_LAKE_WITHOUT_VNNI, NATIVE, EMULATED, id="cooperlake"),
        pytest.param(ZEN4, NATIVE, EMULATED, id="zen4"),
        pytest.param(SAPPHIRE_RAPIDS, NATIVE, NATIVE, id="sapphirerapids"),
        pytest.param(CORTEX_A53, EMULATED, EMULATED, id="cortex_a53"),
        pytest.param(NEOVERSE_N1, EMULATED, NATIVE, id="neoverse_n1"),
        pytest.param(NEOVERSE_V2, NATIVE, NATIVE, id="neoverse_v2"),
        pytest.param(POWER9, EMULATED, EMULATED, id="power9"),
    ],
)
def test_half_precision_on_a_cpu_is_native_where_the_processor_multiplies_it(cpu: Cpu, bf16: str, fp16: str) -> None:
    assert expected_levels(bf16, fp16) == levels(machine(cpu=cpu), "cpu")


@pytest.mark.parametrize(
    ("capability", "bf16", "fp16"),
    [
        pytest.param((5, 2), EMULATED, EMULATED, id="maxwell"),
        pytest.param((6, 0), EMULATED, NATIVE, id="p100"),
        pytest.param((6, 1), EMULATED, EMULATED, id="gtx-10"),
        pytest.param((7, 0), EMULATED, NATIVE, id="v100"),
        pytest.param((7, 5), EMULATED, NATIVE, id="t4"),
        pytest.param((8, 0), NATIVE, NATIVE, id="a100"),
        pytest.param((8, 6), NATIVE, NATIVE, id="a10"),
        pytest.param((8, 9), NATIVE, NATIVE, id="l4"),
        pytest.param((9, 0), NATIVE, NATIVE, id="h100"),
        pytest.param((10, 0), NATIVE, NATIVE, id="b200"),
        pytest.param((12, 0), NATIVE, NATIVE, id="rtx-50"),
    ],
)
def test_half_precision_on_nvidia_follows_the_compute_capability(
    capability: tuple[int, int],
    bf16: str,
    fp16: str,
) -> None:
    assert expected_levels(bf16, fp16) == levels(machine(nvidia(*capability)))


@pytest.mark.parametrize(
    ("profile", "levels_there"),
    [
        pytest.param(machine(amd("gfx942")), expected_levels(NATIVE, NATIVE), id="mi300x"),
        pytest.param(machine(amd("gfx90a")), expected_levels(NATIVE, NATIVE), id="mi250"),
        pytest.param(machine(amd("gfx1030")), expected_levels(EMULATED, NATIVE), id="rdna2"),
        pytest.param(machine(other("xpu")), expected_levels(NATIVE, NATIVE, EMULATED), id="xpu"),
        pytest.param(machine(other("xpu", "xe-hpc")), expected_levels(NATIVE, NATIVE, NATIVE), id="max"),
        pytest.param(machine(other("xpu", "xe-hpg")), expected_levels(NATIVE, NATIVE, UNSUPPORTED), id="arc-a"),
        pytest.param(machine(other("mps", "apple-m2")), expected_levels(EMULATED, NATIVE, UNSUPPORTED), id="m2-gpu"),
        pytest.param(machine(other("mps", "apple-m5")), expected_levels(NATIVE, NATIVE, UNSUPPORTED), id="m5-gpu"),
        pytest.param(machine(other("tpu")), expected_levels(NATIVE, EMULATED, EMULATED), id="tpu"),
        pytest.param(machine(other("mps")), expected_levels(EMULATED, NATIVE, UNSUPPORTED), id="mac-unknown"),
        pytest.param(
            machine(other("mps"), cpu=Cpu(architecture="aarch64", microarchitecture="m2")),
            expected_levels(EMULATED, NATIVE, UNSUPPORTED),
            id="m2",
        ),
        pytest.param(
            machine(other("mps"), cpu=Cpu(architecture="aarch64", microarchitecture="m4")),
            expected_levels(NATIVE, NATIVE, UNSUPPORTED),
            id="m4",
        ),
    ],
)
def test_other_accelerators_have_their_own_tables(profile: HardwareProfile, levels_there: dict[str, str]) -> None:
    assert levels_there == levels(profile)


@pytest.mark.parametrize("capability", [(7, 0), (7, 5)])
def test_bf16_on_volta_and_turing_is_sent_to_16_mixed(capability: tuple[int, int]) -> None:
    answer = verdict("bf16-mixed", machine(nvidia(*capability)))
    assert "Use 16-mixed." == answer.remedy
    assert answer.source is not None


def test_bf16_where_fp16_is_slow_too_is_sent_to_32_true() -> None:
    assert "Use 32-true." == verdict("bf16-mixed", machine(nvidia(6, 1))).remedy


def test_fp16_on_a_cpu_with_bf16_is_sent_to_bf16() -> None:
    assert "Use bf16-mixed." == verdict("16-mixed", machine(cpu=ZEN4)).remedy


def test_fp16_on_a_cpu_with_neither_is_sent_to_32_true() -> None:
    assert "Use 32-true." == verdict("16-true", machine(cpu=HASWELL)).remedy


def test_the_reason_names_the_device_and_what_it_lacks() -> None:
    reason = verdict("bf16-true", machine(cpu=HASWELL)).reason
    assert "Xeon E5-2640 v3 shows no bf16 arithmetic" in reason
    assert "44 to 499 times slower" in reason


def test_emulated_candidates_can_be_tried() -> None:
    assert verdict("16-true", machine(cpu=HASWELL)).can_run


def test_an_nvidia_device_of_unknown_capability_is_judged_by_its_architecture() -> None:
    assert expected_levels(EMULATED, NATIVE) == levels(machine(nvidia(None, architecture="turing")))


def test_an_nvidia_device_of_which_nothing_is_known_is_left_to_trials() -> None:
    answer = verdict("bf16-mixed", machine(nvidia(None)))
    assert (EMULATED, True) == (answer.level, "does not tell the compute capability" in answer.reason)


def test_the_default_device_is_judged_unless_another_is_named() -> None:
    both = machine(nvidia(9), cpu=HASWELL)
    assert (NATIVE, EMULATED) == (verdict("bf16-mixed", both).level, verdict("bf16-mixed", both, "cpu").level)


@pytest.mark.parametrize("precision", BUILT_IN)
def test_gaudi_is_known_and_refused_with_the_reason(precision: str) -> None:
    answer = verdict(precision, machine(other("hpu")))
    assert (UNSUPPORTED, True) == (answer.level, "habana_frameworks" in answer.reason)


def hidden_from(cpu: str, *features: str, hypervisor: bool | None) -> Cpu:
    return Cpu(architecture="x86_64", microarchitecture=cpu, features=features, hypervisor=hypervisor)


@pytest.mark.parametrize(
    ("cpu", "precision", "reason"),
    [
        (hidden_from("zen4", "avx2", hypervisor=True), "bf16-mixed", "every zen4 has avx512_bf16, and the hypervisor"),
        (
            hidden_from("sapphirerapids", "avx2", hypervisor=False),
            "bf16-true",
            "every sapphirerapids has amx_bf16, avx512_bf16, and the kernel, the firmware or a hypervisor hides it",
        ),
        (
            hidden_from("sapphirerapids", "avx512_bf16", hypervisor=True),
            "16-mixed",
            "has avx512_fp16, and the hypervisor",
        ),
        (
            Cpu(architecture="aarch64", microarchitecture="neoverse_v2", features=("asimd", "asimdhp")),
            "bf16-mixed",
            "every neoverse_v2 has bf16",
        ),
    ],
)
def test_what_is_hidden_is_named_with_who_hides_it_and_not_used(cpu: Cpu, precision: str, reason: str) -> None:
    answer = verdict(precision, machine(cpu=cpu))
    assert (EMULATED, True) == (answer.level, reason in answer.reason)
    assert "Have it passed on" in (answer.remedy or "")


@pytest.mark.parametrize(
    ("cpu", "precision", "reason"),
    [
        (Cpu(architecture="ppc64le", features=("mma", "vsx")), "bf16-mixed", "matrix units (MMA) take bf16"),
        (Cpu(architecture="ppc64le", features=("mma", "vsx")), "16-mixed", "matrix units (MMA) take fp16"),
        (Cpu(architecture="riscv64", features=("v", "zvfbfwma", "zvfh")), "bf16-mixed", "bf16 (zvfbfwma)"),
        (Cpu(architecture="riscv64", features=("v", "zvfbfwma", "zvfh")), "16-mixed", "fp16 (zvfh)"),
        (Cpu(architecture="riscv64", features=("v", "zvfh")), "bf16-mixed", "avx512_bf16, amx_bf16 or ARM's bf16"),
        (Cpu(architecture="s390x", features=("nnpa", "vxe")), "bf16-mixed", "16-bit format of its own"),
        (Cpu(architecture="x86_64", features=("avx2", "avx_ne_convert")), "16-mixed", "oneDNN converts to fp32"),
    ],
)
def test_units_that_pytorch_does_not_use_are_named_and_not_promised(cpu: Cpu, precision: str, reason: str) -> None:
    answer = verdict(precision, machine(cpu=cpu))
    assert (EMULATED, True) == (answer.level, reason in answer.reason)


def test_a_setting_that_limits_onednn_takes_bf16_away() -> None:
    limited = machine(cpu=FULL_ZEN4)
    settings = {"ONEDNN_MAX_CPU_ISA": "avx512_core_vnni"}
    limited = limited.model_copy(update={"software": limited.software.model_copy(update={"settings": settings})})
    answer = verdict("bf16-mixed", limited)
    assert (EMULATED, NATIVE) == (answer.level, verdict("bf16-mixed", machine(cpu=FULL_ZEN4)).level)
    assert "ONEDNN_MAX_CPU_ISA=avx512_core_vnni keeps oneDNN from avx512_bf16" in answer.reason
    assert ("highest",) == matmul_options(limited)


def test_graphics_that_torch_has_no_kernels_for_are_no_default_device() -> None:
    assert ("cpu", "cuda") == (machine(amd("gfx1036")).default_device, machine(amd("gfx1100")).default_device)


@pytest.mark.parametrize("device", ["cuda", "xpu", "mps", "tpu", "hpu"])
def test_a_device_that_is_not_there_runs_nothing(device: Device) -> None:
    answer = verdict("32-true", machine(), device)
    assert (UNSUPPORTED, f"This machine has no {device!r} device.") == (answer.level, answer.reason)


def test_a_lost_device_runs_nothing_and_says_why() -> None:
    answer = verdict("32-true", machine(nvidia(9, error="GPU is lost")), "cuda")
    assert (UNSUPPORTED, True) == (answer.level, "GPU is lost" in answer.reason)


def test_without_torch_every_precision_misses_a_package() -> None:
    table = precision_table(machine(packages={"torch": None}))
    assert {("missing-package", True)} == {(each.level, "pip install torch" in (each.remedy or "")) for each in table}


def test_a_profile_that_was_not_asked_about_torch_is_judged_by_its_hardware() -> None:
    assert NATIVE == verdict("32-true", machine(packages={})).level


@pytest.mark.parametrize(
    ("accelerator", "version", "level"),
    [
        (nvidia(9), "2.9.0+cpu", "missing-package"),
        (nvidia(9), "2.9.0+rocm6.4", "missing-package"),
        (nvidia(9), "2.9.0+cu128", NATIVE),
        (nvidia(9), "2.9.0", NATIVE),
        (amd("gfx942"), "2.9.0+cu128", "missing-package"),
        (amd("gfx942"), "2.9.0+rocm6.4", NATIVE),
        (other("xpu"), "2.9.0+cpu", "missing-package"),
        (other("xpu"), "2.9.0+xpu", NATIVE),
    ],
)
def test_a_build_of_torch_that_cannot_use_the_device_misses_a_package(
    accelerator: Accelerator,
    version: str,
    level: str,
) -> None:
    assert level == verdict("32-true", machine(accelerator, packages={"torch": version})).level


def test_a_tpu_needs_torch_xla() -> None:
    answer = verdict("bf16-true", machine(other("tpu"), packages={"torch": "2.9.0", "torch-xla": None}))
    assert ("missing-package", True) == (answer.level, "torch-xla" in answer.reason)


@pytest.mark.parametrize("strategy", ["fsdp", "deepspeed"])
@pytest.mark.parametrize("profile", [machine(nvidia(9)), machine(nvidia(7, 5)), machine(cpu=SAPPHIRE_RAPIDS)])
def test_fsdp_and_deepspeed_run_what_the_hardware_runs_except_float64(
    strategy: Strategy,
    profile: HardwareProfile,
) -> None:
    expected = {**levels(profile), "64-true": UNSUPPORTED}
    assert expected == levels(profile, strategy=strategy)


@pytest.mark.parametrize("precision", ["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true"])
def test_xla_judges_a_tpu_as_the_tpu_does(precision: str) -> None:
    alone, under_xla = (
        support(Candidate(precision=precision, strategy=strategy), machine(other("tpu"), packages=XLA_PACKAGES))
        for strategy in ("single", "xla")
    )
    assert (alone.level, alone.reason) == (under_xla.level, under_xla.reason)


def test_the_cpu_device_of_xla_has_full_precision_and_no_gain_from_half() -> None:
    table = precision_table(machine(cpu=SAPPHIRE_RAPIDS, packages=XLA_PACKAGES), strategy="xla")
    assert {
        "32-true": NATIVE,
        "64-true": NATIVE,
        "bf16-mixed": EMULATED,
        "bf16-true": EMULATED,
        "16-mixed": EMULATED,
        "16-true": EMULATED,
    } == {each.candidate.precision: each.level for each in table if each.level != UNSUPPORTED}
    assert "autocast to bf16" in {each.candidate.precision: each.reason for each in table}["16-mixed"]


def test_xla_has_no_quantized_precision_and_none_of_transformer_engine() -> None:
    table = precision_table(machine(packages=XLA_PACKAGES), strategy="xla")
    assert {each for each in BUILT_IN if each.startswith(("bnb-", "transformer-"))} == {
        each.candidate.precision for each in table if each.level == UNSUPPORTED
    }


def test_xla_does_not_run_on_a_gpu() -> None:
    answer = support(Candidate(precision="bf16-mixed", strategy="xla"), machine(nvidia(9)))
    assert (UNSUPPORTED, True) == (answer.level, "XLA runs on tpu, cpu, not on 'cuda'" in answer.reason)


def test_a_lower_matmul_precision_does_not_reach_xla() -> None:
    candidate = Candidate(precision="32-true", strategy="xla", matmul_precision="medium")
    assert UNSUPPORTED == support(candidate, machine(cpu=SAPPHIRE_RAPIDS, packages=XLA_PACKAGES)).level


@pytest.mark.parametrize(
    ("packages", "told"),
    [
        ({"torch": "2.9.1", "torch-xla": None}, "The strategy 'xla' runs only through torch-xla"),
        ({"torch": "2.13.0+cpu", "torch-xla": "2.9.0"}, "torch-xla 2.9.0 is built for torch 2.9, and torch 2.13.0+cpu"),
    ],
)
def test_xla_needs_torch_xla_and_the_torch_that_it_is_built_for(packages: dict[str, str | None], told: str) -> None:
    answer = support(Candidate(precision="32-true", strategy="xla"), machine(packages=packages))
    assert ("missing-package", True) == (answer.level, told in answer.reason)
    assert "pip install 'torch==2.9.*' 'torch-xla==2.9.*' (they go together)" == answer.remedy


@pytest.mark.parametrize("strategy", ["fsdp", "deepspeed"])
@pytest.mark.parametrize("device", ["mps", "tpu"])
def test_fsdp_and_deepspeed_need_a_device_that_they_know(strategy: Strategy, device: Device) -> None:
    answer = support(Candidate(precision="32-true", strategy=strategy), machine(other(device)))
    assert (UNSUPPORTED, True) == (answer.level, f"not on {device!r}" in answer.reason)


def test_deepspeed_refuses_its_fp16_mode_on_a_cpu_without_fp16() -> None:
    table = {each.candidate.precision: each for each in precision_table(machine(cpu=ZEN4), strategy="deepspeed")}
    assert (UNSUPPORTED, EMULATED) == (table["16-true"].level, table["16-mixed"].level)
    assert "Type fp16 is not supported on your device." in table["16-true"].reason


def test_deepspeed_that_is_not_installed_is_a_missing_package() -> None:
    packages = {"torch": "2.9.0", "deepspeed": None}
    table = precision_table(machine(cpu=SAPPHIRE_RAPIDS, packages=packages), strategy="deepspeed")
    missing = [each for each in table if each.level == "missing-package"]
    assert ["32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true"] == [
        each.candidate.precision for each in missing
    ]
    assert all("--no-build-isolation deepspeed" in (each.remedy or "") for each in missing)
    assert NATIVE == verdict("32-true", machine(packages=packages)).level


@pytest.mark.parametrize(
    ("profile", "options"),
    [
        pytest.param(machine(nvidia(7, 0)), ("highest",), id="v100"),
        pytest.param(machine(nvidia(7, 5)), ("highest",), id="t4"),
        pytest.param(machine(nvidia(8, 0)), ("highest", "high"), id="a100"),
        pytest.param(machine(nvidia(9, 0)), ("highest", "high"), id="h100"),
        pytest.param(machine(nvidia(None)), ("highest",), id="unknown-nvidia"),
        pytest.param(machine(cpu=ZEN4), ("highest", "medium"), id="zen4"),
        pytest.param(machine(cpu=SAPPHIRE_RAPIDS), ("highest", "medium"), id="sapphirerapids"),
        pytest.param(machine(cpu=NEOVERSE_V2), ("highest", "medium"), id="neoverse_v2"),
        pytest.param(machine(cpu=ICE_LAKE), ("highest",), id="icelake"),
        pytest.param(machine(amd("gfx942")), ("highest",), id="mi300x"),
        pytest.param(machine(other("mps")), ("highest",), id="mac"),
        pytest.param(machine(other("tpu")), ("highest",), id="tpu"),
        pytest.param(machine(other("xpu")), ("highest",), id="xpu"),
        pytest.param(machine(cpu=ZEN4, packages={"torch": None}), ("highest",), id="without-torch"),
    ],
)
def test_matmul_options_are_those_that_change_something(
    profile: HardwareProfile,
    options: tuple[MatmulPrecision, ...],
) -> None:
    assert options == matmul_options(profile)


def test_tf32_on_volta_is_refused_by_name() -> None:
    answer = support(Candidate(precision="32-true", matmul_precision="high"), machine(nvidia(7, 0)))
    assert (UNSUPPORTED, True) == (answer.level, "no TF32" in answer.reason)


def test_modules_are_kept_in_fp32_below_a_half_precision_only() -> None:
    kept = [Candidate(precision=each, keep_fp32=("h",)) for each in ("32-true", "64-true", "transformer-engine")]
    kept.append(Candidate(precision="bf16-mixed", strategy="fsdp", keep_fp32=("h",)))
    for candidate in kept:
        answer = support(candidate, machine(nvidia(9, 0)))
        assert "unsupported" == answer.level
        assert "keep_fp32" in answer.reason
    native = support(Candidate(precision="bf16-true", keep_fp32=("h",)), machine(nvidia(9, 0)))
    assert "native" == native.level


@pytest.mark.parametrize("precision", [each for each in BUILT_IN if each != "32-true"])
def test_a_lower_matmul_precision_goes_with_32_true_only(precision: str) -> None:
    answer = support(Candidate(precision=precision, matmul_precision="high"), machine(nvidia(9)))
    assert (UNSUPPORTED, True) == (answer.level, "fp32 matrix products only" in answer.reason)


def test_a_third_partys_precision_is_left_to_its_plugin() -> None:
    foreign = Candidate.model_construct(precision="their-fp8")
    with pytest.raises(ForeignPrecisionError, match=r"ask the plugin class .* supports\(candidate, profile\)"):
        support(foreign, machine())


def test_every_built_in_precision_has_a_number_format() -> None:
    assert set(BUILT_IN) == set(FORMATS)


def test_every_platform_has_a_rule_for_every_number_format() -> None:
    assert set(product(get_args(Platform), get_args(NumberFormat))) == set(_RULES)
    assert set(get_args(Platform)) == set(_MATMUL_RULES)


EVERY_MACHINE = [
    machine(cpu=cpu) for cpu in (HASWELL, ICE_LAKE, ZEN4, SAPPHIRE_RAPIDS, CORTEX_A53, NEOVERSE_N1, NEOVERSE_V2, POWER9)
] + [
    machine(device)
    for device in (
        nvidia(6, 1),
        nvidia(7, 5),
        nvidia(9, 0),
        nvidia(None),
        amd("gfx942"),
        amd("gfx1030"),
        other("mps"),
        other("tpu"),
        other("xpu"),
        other("hpu"),
    )
]


@pytest.mark.parametrize("profile", EVERY_MACHINE, ids=lambda each: f"{each.key}-{each.cpu.features[:1]}")
def test_every_verdict_has_a_reason_and_what_is_not_native_a_remedy(profile: HardwareProfile) -> None:
    candidates = [
        Candidate(precision=precision, matmul_precision=matmul, strategy=strategy)
        for precision in BUILT_IN
        for matmul in get_args(MatmulPrecision)
        for strategy in get_args(Strategy)
    ]
    answers = [support(each, profile) for each in candidates]
    assert [] == [each for each in answers if not each.reason.endswith(".")]
    assert [] == [each for each in answers if each.level != NATIVE and not each.remedy]


def test_a_blackwell_of_which_only_the_name_is_known_is_promised_what_all_of_them_have() -> None:
    assert (12, 0) == lowest_capability("blackwell")
    assert (9, 0) == lowest_capability("hopper")
