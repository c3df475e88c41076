"""What TPUs make of fp16 and of a lower matmul precision through torch-xla.

Sources: `torch_xla/amp/autocast_mode.py` (autocast takes bfloat16 only); XLA_USE_F16 is read by nothing.
"""

from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://docs.pytorch.org/xla/master/perf/amp.html"


@rule("tpu", "fp16")
def fp16(case: Case) -> Verdict:
    """No fp16: mixed becomes bf16 autocast, true becomes fp32 arithmetic."""
    mixed = case.candidate.precision == "16-mixed"
    what = (
        "16-mixed autocasts to bf16, the only half precision of a TPU, and the effective dtypes say bf16"
        if mixed
        else "tensors are stored in fp16, and products are computed in another format"
    )
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
