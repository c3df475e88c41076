"""What TPUs can run through torch-xla.

Sources: JAX, TPU number formats; `torch_xla/amp/autocast_mode.py` (autocast takes bfloat16 only); XLA_USE_F16 is read
by nothing.
"""

from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://docs.pytorch.org/xla/master/perf/amp.html"


@rule("tpu", "bf16")
def bf16(case: Case) -> Verdict:
    """The format that the matrix unit is built for."""
    return Verdict(level="native", reason=f"{case.device_name} multiplies bf16.", source=_SOURCE)


@rule("tpu", "fp32")
def fp32(case: Case) -> Verdict:
    """Runs, but the matrix unit takes bf16 unless told otherwise."""
    return Verdict(
        level="native",
        reason=f"{case.device_name} takes fp32; its matrix unit multiplies in bf16 unless a higher precision is set.",
        source=_SOURCE,
    )


@rule("tpu", "fp64")
def fp64(case: Case) -> Verdict:
    """XLA composes fp64 from fp32."""
    return Verdict(
        level="emulated",
        reason=f"{case.device_name} has no fp64: XLA composes it from several fp32 operations.",
        remedy="Use 32-true, or the CPU for 64-true.",
        source=_SOURCE,
    )


@rule("tpu", "fp16")
def fp16(case: Case) -> Verdict:
    """No fp16: mixed becomes bf16 autocast, true becomes fp32 arithmetic."""
    mixed = case.candidate.precision == "16-mixed"
    what = "what runs is autocast to bf16" if mixed else "products are computed in another format"
    return Verdict(
        level="emulated",
        reason=f"{case.device_name} has no fp16: {what}.",
        remedy=f"Use {'bf16-mixed' if mixed else 'bf16-true'}.",
        source=_SOURCE,
    )


@matmul_rule("tpu")
def matmul(case: Case) -> Verdict:
    """PyTorch's setting does not reach XLA."""
    return Verdict(
        level="unsupported",
        reason=f"torch.set_float32_matmul_precision does not reach XLA on {case.device_name}.",
        remedy="Use matmul_precision='highest'.",
        source=_SOURCE,
    )
