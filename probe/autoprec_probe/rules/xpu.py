"""What Intel's GPUs can run.

Source: PyTorch, "Getting Started on Intel GPU", and `torch/xpu/__init__.py`.
"""

from autoprec_probe.intel.gpu_models import XE_HPC, XE_HPG
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://docs.pytorch.org/docs/stable/notes/get_start_xpu.html"


@rule("xpu", "fp32", "bf16", "fp16")
def matrix(case: Case) -> Verdict:
    """The matrix engines of every GPU that PyTorch supports take fp16 and bf16."""
    return Verdict(level="native", reason=f"{case.device_name} computes in {case.number_format}.", source=_SOURCE)


@rule("xpu", "fp64")
def fp64(case: Case) -> Verdict:
    """Arc A and Flex have no fp64, the Max series has; of the others little is known."""
    architecture = case.accelerator.architecture if case.accelerator else None
    if architecture == XE_HPC:
        return Verdict(level="native", reason=f"{case.device_name} computes in fp64.", source=_SOURCE)
    if architecture == XE_HPG:
        return Verdict(
            level="unsupported",
            reason=f"{case.device_name} has no fp64 (Arc A and Flex have none): PyTorch raises an error for it.",
            remedy="Use the CPU for 64-true.",
            source=_SOURCE,
        )
    return Verdict(
        level="emulated",
        reason=f"Some Intel GPUs (Arc A series) have no fp64 and refuse it; whether {case.device_name} has it, only a "
        "trial can show.",
        remedy="Use the CPU for 64-true.",
        source=_SOURCE,
    )


@matmul_rule("xpu")
def matmul(case: Case) -> Verdict:
    """Not offered before it was seen to work."""
    return Verdict(
        level="unsupported",
        reason=f"autoprec has no evidence yet of what a lower matmul precision does on {case.device_name}.",
        remedy="Use matmul_precision='highest', or bf16-mixed.",
        source=_SOURCE,
    )
