"""Where a device was measured (`autoprec probe --measure`), what was found has the last word over what flags promise.

The level changes only where a flag says native and the product was slower than in fp32: a recommendation rests on
trials of the whole model, and a reason is enough to have a candidate tried. A measurement without a rate (there was no
time left, say) refutes nothing.
"""

from dataclasses import replace

from autoprec_probe.profile import MeasuredRate
from autoprec_probe.rules.case import Case
from autoprec_probe.verdict import Verdict

_DTYPES = {"bf16": "bfloat16", "fp16": "float16"}

_NOISE = 0.1
"""Rates of large products repeat within a few percent on a quiet machine; a tenth is more than that, and less than
anything for which one would change the precision."""


def with_measurement(case: Case, verdict: Verdict) -> Verdict:
    """Return the verdict with the measured ratio to fp32 in its reason, and with its level if that is refuted by it.

    Rates are those of PyTorch's own kernels, and say nothing of what XLA compiles.
    """
    if verdict.level not in {"native", "emulated"} or case.candidate.strategy == "xla":
        return verdict
    wanted, reference = _rate_of_candidate(case), _rate(case, "float32", "highest")
    if wanted is None:
        return verdict
    if wanted.error is not None:
        why = wanted.error.rstrip(".")
        return replace(verdict, reason=f"{verdict.reason} Measuring it on this machine gave no rate: {why}.")
    if reference is None or not wanted.tflops or not reference.tflops:
        return verdict
    return _compared(verdict, wanted.tflops, reference.tflops)


def _rate_of_candidate(case: Case) -> MeasuredRate | None:
    if case.candidate.matmul_precision != "highest":
        return _rate(case, "float32", case.candidate.matmul_precision)
    dtype = _DTYPES.get(case.number_format)
    return None if dtype is None else _rate(case, dtype, "highest")


def _rate(case: Case, dtype: str, matmul_precision: str) -> MeasuredRate | None:
    products = (each for each in case.profile.measured if each.device == case.device and each.operation == "matmul")
    return next((each for each in products if (each.dtype, each.matmul_precision) == (dtype, matmul_precision)), None)


def _compared(verdict: Verdict, tflops: float, reference: float) -> Verdict:
    ratio = tflops / reference
    found = f"{ratio:.2g} times the rate of fp32 ({tflops:.3g} against {reference:.3g} TFLOP/s)"
    if verdict.level == "native" and ratio < 1 - _NOISE:
        return replace(
            verdict,
            level="emulated",
            reason=f"{verdict.reason} But measured on this machine it reaches {found}: slower than fp32.",
            remedy="Use 32-true.",
        )
    if verdict.level == "emulated" and ratio > 1 + _NOISE:
        return replace(
            verdict,
            reason=f"{verdict.reason} Yet measured on this machine it reaches {found}: clearly faster than fp32.",
            remedy="Try it: here it is faster than fp32 all the same.",
        )
    return replace(verdict, reason=f"{verdict.reason} Measured on this machine: {found}.")
