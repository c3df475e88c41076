"""What CPUs can run: half precision is fast only where the processor multiplies it and PyTorch asks it to.

Sources: pytorch/pytorch issues 146508, 118499 and 111456 (half precision without such units is 44 to 503 times slower
than fp32); PyTorch `aten/src/ATen/native/mkldnn/Utils.h` and oneDNN `src/cpu/platform.cpp` (which features they ask
for); PyTorch `aten/src/ATen/native/CPUBlas.cpp` (`BLAS_HAS_SBGEMM`, the way to POWER's matrix units).
"""

from typing import NamedTuple

from autoprec_probe.features import BF16_COMPUTE, FP16_COMPUTE, instruction_family
from autoprec_probe.hidden import hidden_units, hider
from autoprec_probe.isa import ONEDNN_VARIABLES, usable_features
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_BF16_SOURCE = "https://github.com/pytorch/pytorch/issues/146508"
_FP16_SOURCE = "https://github.com/pytorch/pytorch/issues/118499"
_MATMUL_SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.set_float32_matmul_precision.html"
_FPMATH_SOURCE = "https://oneapi-src.github.io/oneDNN/dev_guide_attributes_fpmath_mode.html"
_ONEDNN_BF16_BASE = frozenset({"avx512bw", "avx512vl", "avx512dq"})
_CONVERTING = "avx_ne_convert"
"""oneDNN takes bf16 and fp16 with it, and multiplies them in fp32."""


class _Unused(NamedTuple):
    """A unit that processors of a family have for a format, and that PyTorch leaves unused."""

    family: str
    number_format: str
    feature: str
    because: str


_BY_BLAS = "its matrix units (MMA) take {}, but PyTorch reaches them only through a BLAS that has such a product"
_BY_NOTHING = "its vectors compute in {} ({}), but PyTorch has no kernels that do so"
_OF_ITS_OWN = "its accelerator (nnpa) computes in a 16-bit format of its own, and PyTorch has no kernels for it"
_UNUSED = (
    _Unused("power", "bf16", "mma", _BY_BLAS.format("bf16")),
    _Unused("power", "fp16", "mma", _BY_BLAS.format("fp16")),
    _Unused("riscv", "bf16", "zvfbfwma", _BY_NOTHING.format("bf16", "zvfbfwma")),
    _Unused("riscv", "fp16", "zvfh", _BY_NOTHING.format("fp16", "zvfh")),
    _Unused("s390", "bf16", "nnpa", _OF_ITS_OWN),
    _Unused("s390", "fp16", "nnpa", _OF_ITS_OWN),
)


class _Absence(NamedTuple):
    """Why a processor does not multiply a format, and the way out."""

    because: str
    remedy: str


@rule("cpu", "fp32")
def fp32(case: Case) -> Verdict:
    """Every CPU that PyTorch runs on computes in fp32."""
    return Verdict(level="native", reason=f"{case.device_name} computes in fp32; this is the reference.")


@rule("cpu", "fp64")
def fp64(case: Case) -> Verdict:
    """Every CPU that PyTorch runs on computes in fp64."""
    return Verdict(
        level="native",
        reason=f"{case.device_name} computes in fp64, at about half the speed of fp32 and with twice the memory.",
    )


@rule("cpu", "bf16")
def bf16(case: Case) -> Verdict:
    """Native with avx512_bf16, amx_bf16 or ARM's bf16."""
    units = _units(case, BF16_COMPUTE)
    if units:
        return Verdict(level="native", reason=f"{case.device_name} multiplies bf16 ({units}).", source=_BF16_SOURCE)
    usable = usable_features(case.profile.cpu, case.profile.software.settings)
    slow = (
        "oneDNN converts to fp32 for every product, which seldom gains anything"
        if usable >= _ONEDNN_BF16_BASE or _CONVERTING in usable
        else "bf16 was measured 44 to 499 times slower than fp32 on such processors"
    )
    why = _absence(case, BF16_COMPUTE, "avx512_bf16, amx_bf16 or ARM's bf16", "32-true")
    return Verdict(
        level="emulated",
        reason=f"{case.device_name} shows no bf16 arithmetic ({why.because}): {slow}.",
        remedy=why.remedy,
        source=_BF16_SOURCE,
    )


@rule("cpu", "fp16")
def fp16(case: Case) -> Verdict:
    """Native with avx512_fp16, amx_fp16 or ARM's asimdhp."""
    units = _units(case, FP16_COMPUTE)
    if units:
        return Verdict(level="native", reason=f"{case.device_name} multiplies fp16 ({units}).", source=_FP16_SOURCE)
    instead = case.candidate.precision.replace("16", "bf16") if _units(case, BF16_COMPUTE) else "32-true"
    why = _absence(case, FP16_COMPUTE, "avx512_fp16, amx_fp16 or ARM's asimdhp", instead)
    slow = (
        "oneDNN converts to fp32 for every product, which seldom gains anything"
        if _CONVERTING in usable_features(case.profile.cpu, case.profile.software.settings)
        else "PyTorch falls back to a naive product, measured 20 to 503 times slower than fp32"
    )
    return Verdict(
        level="emulated",
        reason=f"{case.device_name} shows no fp16 arithmetic ({why.because}): {slow}.",
        remedy=why.remedy,
        source=_FP16_SOURCE,
    )


@matmul_rule("cpu")
def matmul(case: Case) -> Verdict:
    """Only `medium` changes anything: oneDNN may then multiply fp32 matrices in bf16, and takes kernels of its own.

    It need not: with avx512_bf16 and without AMX, torch 2.13 was seen to give fp32's accuracy, by other kernels.
    """
    if case.candidate.matmul_precision == "high":
        return Verdict(
            level="unsupported",
            reason=f"{case.device_name} has no TF32: 'high' would run exactly as 'highest'.",
            remedy="Use matmul_precision='medium' where the CPU multiplies bf16, else 'highest'.",
            source=_MATMUL_SOURCE,
        )
    units = _units(case, BF16_COMPUTE)
    if units:
        return Verdict(
            level="native",
            reason=f"With 'medium', oneDNN may multiply fp32 matrices in bf16 on {case.device_name} ({units}); it "
            "takes other kernels either way.",
            source=_FPMATH_SOURCE,
        )
    return Verdict(
        level="unsupported",
        reason=f"{case.device_name} shows no bf16 arithmetic, so that 'medium' could only be slower than 'highest'.",
        remedy="Use matmul_precision='highest'.",
        source=_MATMUL_SOURCE,
    )


def _units(case: Case, wanted: frozenset[str]) -> str:
    usable = usable_features(case.profile.cpu, case.profile.software.settings)
    return ", ".join(sorted(wanted & usable))


def _absence(case: Case, wanted: frozenset[str], names: str, instead: str) -> _Absence:
    """Tell what keeps a processor from a format: a setting, who hides the unit, PyTorch, or that there is none."""
    cpu, settings = case.profile.cpu, case.profile.software.settings
    forbidden = ", ".join(sorted(wanted.intersection(cpu.features)))
    if forbidden:
        variable = next(name for name in ONEDNN_VARIABLES if name in settings)
        limit = f"{variable}={settings[variable]}"
        return _Absence(f"{limit} keeps oneDNN from {forbidden}", f"Unset {variable}, or use {instead}.")
    hidden = ", ".join(sorted(wanted & hidden_units(cpu)))
    if hidden:
        return _Absence(
            f"every {cpu.microarchitecture} has {hidden}, and {hider(cpu)} hides it",
            f"Have it passed on (QEMU: the CPU model 'host'; else a newer kernel); until then, use {instead}.",
        )
    family = instruction_family(cpu.architecture)
    unused = (
        each.because
        for each in _UNUSED
        if (each.family, each.number_format) == (family, case.number_format) and each.feature in cpu.features
    )
    hint = "; check whether the hypervisor hides the feature" if cpu.hypervisor and not cpu.microarchitecture else ""
    return _Absence(next(unused, names), f"Use {instead}{hint}.")
