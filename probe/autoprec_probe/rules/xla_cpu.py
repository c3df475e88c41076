"""What a CPU runs through XLA: everything that a TPU is asked for, to check numbers rather than to be fast.

Measured with torch-xla 2.9.0 on a Zen 5 with avx512_bf16, products of 1024 x 1024 matrices: fp32 21 ms, bf16 22 ms,
fp64 126 ms, fp16 5.6 s.
"""

from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://docs.pytorch.org/xla/"
_PURPOSE = "it is there to check what a TPU would compute, not to be fast"


@rule("xla-cpu", "fp32", "fp64")
def full(case: Case) -> Verdict:
    """XLA compiles both for every CPU."""
    return Verdict(
        level="native",
        reason=f"XLA's CPU device computes in {case.number_format} on {case.device_name}; {_PURPOSE}.",
        source=_SOURCE,
    )


@rule("xla-cpu", "bf16")
def bf16(case: Case) -> Verdict:
    """By way of fp32, also where the CPU multiplies bf16."""
    return Verdict(
        level="emulated",
        reason=f"XLA's CPU device computes bf16 by way of fp32 on {case.device_name}, and is no faster for it; "
        f"{_PURPOSE}.",
        remedy="For speed on this CPU use strategy 'single'.",
        source=_SOURCE,
    )


@rule("xla-cpu", "fp16")
def fp16(case: Case) -> Verdict:
    """Mixed is bf16 as on a TPU; true is naive."""
    if case.candidate.precision == "16-mixed":
        return Verdict(
            level="emulated",
            reason="Under XLA, 16-mixed is autocast to bf16, because a TPU has no fp16; "
            f"XLA's CPU device computes that by way of fp32, and {_PURPOSE}.",
            remedy="Use bf16-mixed, which is the same and says so.",
            source=_SOURCE,
        )
    return Verdict(
        level="emulated",
        reason=f"XLA's CPU device has no fast fp16 product on {case.device_name}: measured 260 times slower than fp32.",
        remedy="Use bf16-true.",
        source=_SOURCE,
    )


@rule("xla-cpu", "fp8", "emulated-fp8", "4-bit", "int8")
def quantized(case: Case) -> Verdict:
    """None of the libraries for these formats knows XLA."""
    return Verdict(
        level="unsupported",
        reason=f"Nothing computes {case.candidate.precision} on XLA's CPU device.",
        remedy=f"Use strategy 'single' for {case.candidate.precision}.",
        source=_SOURCE,
    )


@matmul_rule("xla-cpu")
def matmul(_: Case) -> Verdict:
    """PyTorch's setting does not reach XLA."""
    return Verdict(
        level="unsupported",
        reason="torch.set_float32_matmul_precision does not reach XLA's CPU device.",
        remedy="Use matmul_precision='highest'.",
        source=_SOURCE,
    )
