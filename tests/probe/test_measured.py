"""Measured rates have the last word over what a device's flags promise."""

import pytest

from autoprec_probe import (
    Accelerator,
    Candidate,
    Cpu,
    Device,
    HardwareProfile,
    MatmulPrecision,
    Software,
    Support,
    matmul_options,
    support,
)
from autoprec_probe.profile import MeasuredRate
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.measured import with_measurement
from autoprec_probe.verdict import Verdict

ZEN4 = Cpu(architecture="x86_64", features=("avx2", "avx512_bf16", "avx512f"))


def rate(
    dtype: str,
    tflops: float | None,
    *,
    matmul_precision: MatmulPrecision = "highest",
    device: Device = "cpu",
    error: str | None = None,
) -> MeasuredRate:
    return MeasuredRate(
        device=device,
        operation="matmul",
        dtype=dtype,
        matmul_precision=matmul_precision,
        tflops=tflops,
        error=error,
    )


def measured(*rates: MeasuredRate) -> HardwareProfile:
    copy = MeasuredRate(device="cpu", operation="copy", dtype="float32", gbytes_per_second=10)
    return HardwareProfile(
        system="Linux",
        cpu=ZEN4,
        software=Software(python="3.11.0", packages={"torch": "2.13.0"}),
        measured=(copy, *rates),
    )


def verdict(precision: str, profile: HardwareProfile, matmul_precision: MatmulPrecision = "highest") -> Support:
    return support(Candidate(precision=precision, matmul_precision=matmul_precision), profile)


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_a_native_format_that_is_faster_stays_native_with_its_ratio(precision: str) -> None:
    answer = verdict(precision, measured(rate("float32", 0.1), rate("bfloat16", 0.25)))
    assert "native" == answer.level
    assert answer.reason.endswith("Measured on this machine: 2.5 times the rate of fp32 (0.25 against 0.1 TFLOP/s).")


def test_a_native_format_that_is_slower_is_emulated_with_that_reason() -> None:
    answer = verdict("bf16-mixed", measured(rate("float32", 0.2), rate("bfloat16", 0.05)))
    assert ("emulated", "Use 32-true.") == (answer.level, answer.remedy)
    assert "But measured on this machine it reaches 0.25 times the rate of fp32" in answer.reason


def test_a_native_format_that_is_slower_by_no_more_than_noise_stays_native() -> None:
    assert "native" == verdict("bf16-mixed", measured(rate("float32", 0.2), rate("bfloat16", 0.19))).level


def test_an_emulated_format_that_is_faster_says_so_and_is_worth_a_trial() -> None:
    answer = verdict("16-mixed", measured(rate("float32", 0.2), rate("float16", 0.4)))
    assert ("emulated", "Try it: here it is faster than fp32 all the same.") == (answer.level, answer.remedy)
    assert "it reaches 2 times the rate of fp32 (0.4 against 0.2 TFLOP/s): clearly faster" in answer.reason


def test_an_emulated_format_that_is_slower_has_its_ratio() -> None:
    answer = verdict("16-true", measured(rate("float32", 0.2), rate("float16", 0.004)))
    assert "emulated" == answer.level
    assert "Measured on this machine: 0.02 times the rate of fp32" in answer.reason


@pytest.mark.parametrize(("precision", "level"), [("bf16-true", "native"), ("16-true", "emulated")])
def test_a_measurement_without_a_rate_refutes_nothing_and_is_told(precision: str, level: str) -> None:
    lost = [rate(dtype, None, error="Cut off after 2 s.") for dtype in ("bfloat16", "float16")]
    answer = verdict(precision, measured(rate("float32", 0.2), *lost))
    assert level == answer.level
    assert answer.reason.endswith("Measuring it on this machine gave no rate: Cut off after 2 s.")


@pytest.mark.parametrize(
    "rates",
    [
        pytest.param((), id="nothing measured"),
        pytest.param((rate("bfloat16", 0.1),), id="no fp32 to compare with"),
        pytest.param((rate("float32", 0.2),), id="not this format"),
        pytest.param((rate("float32", 0.2, device="cuda"), rate("bfloat16", 0.1, device="cuda")), id="another device"),
    ],
)
def test_without_a_rate_of_both_on_the_device_the_flag_decides(rates: tuple[MeasuredRate, ...]) -> None:
    assert verdict("bf16-mixed", measured()) == verdict("bf16-mixed", measured(*rates))


def test_a_lower_matmul_precision_is_compared_with_the_highest() -> None:
    profile = measured(rate("float32", 0.1), rate("float32", 0.3, matmul_precision="medium"))
    assert "3 times the rate of fp32" in verdict("32-true", profile, "medium").reason
    assert ("highest", "medium") == matmul_options(profile)


def test_a_lower_matmul_precision_that_is_slower_is_no_option() -> None:
    profile = measured(rate("float32", 0.3), rate("float32", 0.1, matmul_precision="medium"))
    assert ("emulated", ("highest",)) == (verdict("32-true", profile, "medium").level, matmul_options(profile))


def test_fp32_itself_is_left_alone() -> None:
    profile = measured(rate("float32", 0.1), rate("bfloat16", 0.3))
    assert verdict("32-true", measured()) == verdict("32-true", profile)


def test_rates_of_pytorchs_kernels_say_nothing_of_xla() -> None:
    profile = measured(rate("float32", 0.2), rate("bfloat16", 0.05))
    candidate = Candidate(precision="bf16-mixed", strategy="xla")
    case = Case(candidate=candidate, profile=profile, device="cpu", accelerator=None)
    promised = Verdict(level="native", reason="XLA compiles it.")
    assert promised == with_measurement(case, promised)


def test_what_is_refused_stays_refused() -> None:
    card = Accelerator(kind="cuda", index=0, vendor="NVIDIA", name="A card", compute_capability=(7, 0))
    rates = (rate("float32", 10, device="cuda"), rate("float32", 20, device="cuda", matmul_precision="high"))
    profile = measured(*rates).model_copy(update={"accelerators": (card,)})
    assert "unsupported" == verdict("32-true", profile, "high").level
