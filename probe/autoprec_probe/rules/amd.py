"""What AMD's devices make of a lower matmul precision."""

from autoprec_probe.rules.architecture import architecture_of
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://rocm.docs.amd.com/en/latest/reference/precision-support.html"


@matmul_rule("amd")
def matmul(case: Case) -> Verdict:
    """Not offered: TF32 on AMD is behind an environment variable, and only on some targets."""
    known = architecture_of(case)
    has_units = known is not None and "tf32" in known.facts.matrix
    return Verdict(
        level="unsupported",
        reason=f"PyTorch leaves matrix products in fp32 on {case.device_name} unless HIPBLASLT_ALLOW_TF32 is set."
        if has_units
        else f"{case.device_name} is not known to multiply TF32: a lower matmul precision changes nothing there.",
        remedy="Use matmul_precision='highest'.",
        source=_SOURCE,
    )
