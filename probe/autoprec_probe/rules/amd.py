"""What AMD's devices can run, by the target names of ROCm (`gfx942`).

Source: ROCm, "Data types and precision support". `torch.cuda.is_bf16_supported()` is true on every AMD device and
tells nothing.
"""

from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule, rule
from autoprec_probe.verdict import Verdict

_SOURCE = "https://rocm.docs.amd.com/en/latest/reference/precision-support.html"
_MATRIX_TARGETS = ("gfx908", "gfx90a", "gfx94", "gfx95", "gfx11", "gfx12")
"""CDNA and RDNA 3 or later: their matrix units take fp16 and bf16."""


@rule("amd", "fp32", "fp64")
def full(case: Case) -> Verdict:
    """Every device of ROCm computes in fp32 and fp64."""
    return Verdict(level="native", reason=f"{case.device_name} computes in {case.number_format}.", source=_SOURCE)


@rule("amd", "bf16", "fp16")
def half(case: Case) -> Verdict:
    """Native where the matrix units take it."""
    assert case.accelerator is not None, "the device gate lets no case without a device through"
    target = case.accelerator.gfx_target or ""
    if target.startswith(_MATRIX_TARGETS):
        return Verdict(
            level="native",
            reason=f"The matrix units of {case.device_name} ({target}) take {case.number_format}.",
            source=_SOURCE,
        )
    return Verdict(
        level="emulated",
        reason=f"{case.device_name} ({target or 'target unknown'}) is not known to have matrix units for "
        f"{case.number_format}: only a trial can show whether it gains anything.",
        remedy="Use 32-true unless a trial says otherwise.",
        source=_SOURCE,
    )


@matmul_rule("amd")
def matmul(case: Case) -> Verdict:
    """Not offered: TF32 on AMD is behind an environment variable, and only on some targets."""
    return Verdict(
        level="unsupported",
        reason=f"PyTorch leaves matrix products in fp32 on {case.device_name} unless HIPBLASLT_ALLOW_TF32 is set.",
        remedy="Use matmul_precision='highest'.",
        source=_SOURCE,
    )
