"""What autoprec runs on Gaudi: nothing. The device is recognised, so that the answer is a reason and not an error.

Source: Intel, "Getting Started with PyTorch on Gaudi" (torch reaches it through a plugin of its own).
"""

from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://docs.habana.ai/en/latest/PyTorch/index.html"


@matmul_rule("hpu")
@rule("hpu", "fp32", "fp64", "bf16", "fp16", "fp8", "emulated-fp8", "4-bit", "int8")
def refused(case: Case) -> Verdict:
    """There is no path to Gaudi yet."""
    return Verdict(
        level="unsupported",
        reason=f"autoprec does not run on {case.device_name}: PyTorch reaches Gaudi through Intel's habana_frameworks "
        "only.",
        remedy="Use device 'cpu', or Intel's own tools for this device.",
        source=_SOURCE,
    )
