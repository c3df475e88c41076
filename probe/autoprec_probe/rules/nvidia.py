"""What NVIDIA's devices make of a lower matmul precision."""

from autoprec_probe.rules.architecture import architecture_of
from autoprec_probe.rules.arithmetic import named, undetermined
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import matmul_rule
from autoprec_probe.verdict import Verdict

_TF32 = "https://docs.pytorch.org/docs/stable/notes/cuda.html#tensorfloat-32-tf32-on-ampere-and-later-devices"


@matmul_rule("nvidia")
def matmul(case: Case) -> Verdict:
    """TF32, from compute capability 8.0; `medium` runs the same kernels as `high`."""
    known = architecture_of(case)
    if known is None:
        return undetermined(case, "TF32, which takes 8.0")
    name, caveat = named(case, known), f" {known.caveat}" if known.caveat else ""
    if "tf32" not in known.facts.matrix:
        return Verdict(
            level="unsupported",
            reason=f"{name} has no TF32, which begins with compute capability 8.0: "
            f"{case.candidate.matmul_precision!r} would run exactly as 'highest'.{caveat}",
            remedy="Use matmul_precision='highest', or the precision 16-mixed.",
            source=_TF32,
        )
    same = " ('medium' runs the same kernels as 'high' on CUDA)" if case.candidate.matmul_precision == "medium" else ""
    return Verdict(level="native", reason=f"{name} multiplies fp32 matrices in TF32{same}.{caveat}", source=_TF32)
