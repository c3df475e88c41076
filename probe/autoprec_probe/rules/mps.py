"""What Apple's GPUs can run.

Sources: PyTorch, "MPS backend"; Lightning issue 21261 (no float64); huggingface/transformers pull request 40458 (bf16).
"""

import re

from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://docs.pytorch.org/docs/stable/notes/mps.html"
_NO_FLOAT64 = "https://github.com/Lightning-AI/pytorch-lightning/issues/21261"
_BF16 = "https://github.com/huggingface/transformers/pull/40458"
_FIRST_BF16_GENERATION = 3


@rule("mps", "fp32", "fp16")
def native(case: Case) -> Verdict:
    """Every Apple GPU computes in fp32 and fp16."""
    return Verdict(level="native", reason=f"{case.device_name} computes in {case.number_format}.", source=_SOURCE)


@rule("mps", "fp64")
def fp64(case: Case) -> Verdict:
    """Metal knows no float64."""
    return Verdict(
        level="unsupported",
        reason=f"{case.device_name} has no float64: PyTorch raises an error for every such tensor.",
        remedy="Use 32-true, or the CPU for 64-true.",
        source=_NO_FLOAT64,
    )


@rule("mps", "bf16")
def bf16(case: Case) -> Verdict:
    """Native from the M3 on, emulated on M1 and M2."""
    told = (case.accelerator.architecture if case.accelerator else None) or case.profile.cpu.microarchitecture or ""
    found = re.fullmatch(r"(?:apple-)?m(\d+)", told)
    if found and int(found[1]) >= _FIRST_BF16_GENERATION:
        return Verdict(level="native", reason=f"{case.device_name} computes in bf16.", source=_BF16)
    which = "M1 and M2 emulate bf16" if found else "whether this GPU computes bf16 (M3 and later do) is not known"
    return Verdict(
        level="emulated",
        reason=f"{case.device_name}: {which}.",
        remedy=f"Use {case.candidate.precision.removeprefix('bf')}.",
        source=_BF16,
    )


@matmul_rule("mps")
def matmul(case: Case) -> Verdict:
    """There is nothing to choose."""
    return Verdict(
        level="unsupported",
        reason=f"{case.device_name} has no TF32: a lower matmul precision changes nothing there.",
        remedy="Use matmul_precision='highest', or 16-mixed.",
        source=_SOURCE,
    )
