"""What CPUs can run: half precision is fast only where the processor multiplies it.

Sources: pytorch/pytorch issues 146508, 118499 and 111456 (half precision without such units is 44 to 503 times slower
than fp32), ATen/native/mkldnn/Utils.h (which flags oneDNN asks for).
"""

from autoprec_probe.features import BF16_COMPUTE, FP16_COMPUTE
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_BF16_SOURCE = "https://github.com/pytorch/pytorch/issues/146508"
_FP16_SOURCE = "https://github.com/pytorch/pytorch/issues/118499"
_MATMUL_SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.set_float32_matmul_precision.html"
_ONEDNN_BF16_BASE = frozenset({"avx512bw", "avx512vl", "avx512dq"})


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
    slow = (
        "oneDNN converts to fp32 for every product, which seldom gains anything"
        if _ONEDNN_BF16_BASE.issubset(case.profile.cpu.features)
        else "bf16 was measured 44 to 499 times slower than fp32 on such processors"
    )
    return Verdict(
        level="emulated",
        reason=f"{case.device_name} shows no bf16 arithmetic (avx512_bf16, amx_bf16 or ARM's bf16): {slow}.",
        remedy="Use 32-true; on a virtual machine, check whether the hypervisor hides the feature.",
        source=_BF16_SOURCE,
    )


@rule("cpu", "fp16")
def fp16(case: Case) -> Verdict:
    """Native with avx512_fp16, amx_fp16 or ARM's asimdhp."""
    units = _units(case, FP16_COMPUTE)
    if units:
        return Verdict(level="native", reason=f"{case.device_name} multiplies fp16 ({units}).", source=_FP16_SOURCE)
    bf16_is_native = not BF16_COMPUTE.isdisjoint(case.profile.cpu.features)
    instead = case.candidate.precision.replace("16", "bf16") if bf16_is_native else "32-true"
    return Verdict(
        level="emulated",
        reason=f"{case.device_name} shows no fp16 arithmetic (avx512_fp16, amx_fp16 or ARM's asimdhp): PyTorch falls "
        "back to a naive product, measured 20 to 503 times slower than fp32.",
        remedy=f"Use {instead}.",
        source=_FP16_SOURCE,
    )


@matmul_rule("cpu")
def matmul(case: Case) -> Verdict:
    """Only `medium` changes anything: oneDNN then multiplies fp32 matrices in bf16."""
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
            reason=f"With 'medium', oneDNN multiplies fp32 matrices in bf16 on {case.device_name} ({units}).",
            source=_MATMUL_SOURCE,
        )
    return Verdict(
        level="unsupported",
        reason=f"{case.device_name} shows no bf16 arithmetic, so that 'medium' could only be slower than 'highest'.",
        remedy="Use matmul_precision='highest'.",
        source=_MATMUL_SOURCE,
    )


def _units(case: Case, wanted: frozenset[str]) -> str:
    return ", ".join(sorted(wanted.intersection(case.profile.cpu.features)))
