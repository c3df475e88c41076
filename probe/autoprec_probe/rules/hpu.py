"""Gaudi is told and listed, but autoprec does not run on it."""

from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://docs.habana.ai/en/latest/PyTorch/index.html"


@matmul_rule("hpu")
@rule("hpu", "fp32", "fp64", "bf16", "fp16", "fp8", "emulated-fp8", "4-bit", "int8")
def gaudi(case: Case) -> Verdict:
    """PyTorch reaches Gaudi through Intel's own bridge, which nothing here has been tried with."""
    return Verdict(
        level="unsupported",
        reason=f"autoprec does not run on {case.device_name} yet: PyTorch reaches Gaudi through habana_frameworks, "
        "which autoprec's engine does not drive.",
        remedy="Use device 'cpu' for trials of stability; on Gaudi itself, bf16 autocast is the mode it is made for.",
        source=_SOURCE,
    )
