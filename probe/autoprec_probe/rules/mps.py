"""What Apple's GPUs make of a lower matmul precision."""

from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://docs.pytorch.org/docs/stable/notes/mps.html"


@matmul_rule("mps")
def matmul(case: Case) -> Verdict:
    """There is nothing to choose."""
    return Verdict(
        level="unsupported",
        reason=f"{case.device_name} has no TF32: a lower matmul precision changes nothing there.",
        remedy="Use matmul_precision='highest', or 16-mixed.",
        source=_SOURCE,
    )
