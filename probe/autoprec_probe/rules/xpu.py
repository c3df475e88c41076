"""What Intel's GPUs make of a lower matmul precision."""

from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://docs.pytorch.org/docs/stable/notes/get_start_xpu.html"


@matmul_rule("xpu")
def matmul(case: Case) -> Verdict:
    """Not offered before it was seen to work."""
    return Verdict(
        level="unsupported",
        reason=f"autoprec has no evidence yet of what a lower matmul precision does on {case.device_name}.",
        remedy="Use matmul_precision='highest', or bf16-mixed.",
        source=_SOURCE,
    )
