"""What NVIDIA's devices can run, by compute capability.

Sources: NVIDIA, "CUDA C++ Programming Guide", throughput of native arithmetic instructions by compute capability;
pytorch/pytorch issue 124996 (`is_bf16_supported()` is true where bf16 is emulated, and so is not asked).
"""

from autoprec_probe.nvidia import lowest_capability
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_THROUGHPUT = "https://docs.nvidia.com/cuda/cuda-c-programming-guide/#arithmetic-instructions"
_BF16_TRAP = "https://github.com/pytorch/pytorch/issues/124996"
_TF32 = "https://docs.pytorch.org/docs/stable/notes/cuda.html#tensorfloat-32-tf32-on-ampere-and-later-devices"

_AMPERE = (8, 0)
_VOLTA = (7, 0)
_PACKED_FP16 = frozenset({(5, 3), (6, 0), (6, 2)})
"""Before tensor cores, these computed fp16 at twice the rate of fp32."""
_FAST_FP64 = frozenset({(6, 0), (7, 0), (8, 0), (9, 0), (10, 0)})
"""These compute fp64 at half the rate of fp32; others at a 32nd or less."""


@rule("nvidia", "fp32")
def fp32(case: Case) -> Verdict:
    """Every device computes in fp32."""
    return Verdict(level="native", reason=f"{_name(case)} computes in fp32; this is the reference.")


@rule("nvidia", "fp64")
def fp64(case: Case) -> Verdict:
    """Every device computes in fp64, few of them fast."""
    fast = _capability(case) in _FAST_FP64
    rate = "at half the rate of fp32" if fast else "but hardly built for it: often at a 32nd of fp32's rate or less"
    return Verdict(level="native", reason=f"{_name(case)} computes in fp64, {rate}.", source=_THROUGHPUT)


@rule("nvidia", "bf16")
def bf16(case: Case) -> Verdict:
    """Native from compute capability 8.0; below, PyTorch says it is supported and emulates it."""
    capability = _capability(case)
    if capability is None:
        return _unknown(case, "8.0 for bf16")
    if capability >= _AMPERE:
        return Verdict(level="native", reason=f"{_name(case)} has bf16 tensor cores.", source=_THROUGHPUT)
    return Verdict(
        level="emulated",
        reason=f"{_name(case)} has no bf16 arithmetic, which begins with compute capability 8.0: PyTorch calls it "
        "supported and emulates it in fp32, slower than fp32 itself.",
        remedy=f"Use {'16-mixed' if _has_fast_fp16(capability) else '32-true'}.",
        source=_BF16_TRAP,
    )


@rule("nvidia", "fp16")
def fp16(case: Case) -> Verdict:
    """Tensor cores from 7.0; before, packed arithmetic on a few."""
    capability = _capability(case)
    if capability is None:
        return _unknown(case, "7.0 for fp16")
    if capability >= _VOLTA:
        return Verdict(level="native", reason=f"{_name(case)} multiplies fp16 fast.", source=_THROUGHPUT)
    if capability in _PACKED_FP16:
        return Verdict(
            level="native",
            reason=f"{_name(case)} computes fp16 in pairs at twice the rate of fp32, without tensor cores.",
            source=_THROUGHPUT,
        )
    return Verdict(
        level="emulated",
        reason=f"{_name(case)} has no fast fp16 arithmetic (a 64th of fp32's rate or none): products are computed in "
        "fp32, and only memory is saved.",
        remedy="Use 32-true.",
        source=_THROUGHPUT,
    )


@matmul_rule("nvidia")
def matmul(case: Case) -> Verdict:
    """TF32, from compute capability 8.0; `medium` runs the same kernels as `high`."""
    capability = _capability(case)
    if capability is None:
        return _unknown(case, "8.0 for TF32")
    if capability < _AMPERE:
        return Verdict(
            level="unsupported",
            reason=f"{_name(case)} has no TF32, which begins with compute capability 8.0: "
            f"{case.candidate.matmul_precision!r} would run exactly as 'highest'.",
            remedy="Use matmul_precision='highest', or the precision 16-mixed.",
            source=_TF32,
        )
    same = " ('medium' runs the same kernels as 'high' on CUDA)" if case.candidate.matmul_precision == "medium" else ""
    return Verdict(level="native", reason=f"{_name(case)} multiplies fp32 matrices in TF32{same}.", source=_TF32)


def _has_fast_fp16(capability: tuple[int, int]) -> bool:
    return capability >= _VOLTA or capability in _PACKED_FP16


def _capability(case: Case) -> tuple[int, int] | None:
    accelerator = case.accelerator
    assert accelerator is not None, "the device gate lets no case without a device through"
    return accelerator.compute_capability or lowest_capability(accelerator.architecture)


def _name(case: Case) -> str:
    capability = _capability(case)
    known = "" if capability is None else f" (compute capability {capability[0]}.{capability[1]})"
    return f"{case.device_name}{known}"


def _unknown(case: Case, needed: str) -> Verdict:
    return Verdict(
        level="emulated",
        reason=f"The driver does not tell the compute capability of {case.device_name} (it takes {needed}): "
        "only a trial can show whether this is native.",
        remedy="Update the NVIDIA driver.",
        source=_THROUGHPUT,
    )
