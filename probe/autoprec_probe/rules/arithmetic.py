"""What accelerators compute in fp32, fp64, bf16 and fp16: their architecture's row of the catalogue, in sentences."""

from autoprec_probe.catalog import ArchitectureFacts
from autoprec_probe.catalog.number import Dtype
from autoprec_probe.rules.architecture import Known, architecture_of
from autoprec_probe.rules.case import Case, NumberFormat
from autoprec_probe.rules.registry import rule
from autoprec_probe.verdict import SupportLevel, Verdict

_DTYPES: dict[NumberFormat, Dtype] = {"fp32": "float32", "fp64": "float64", "bf16": "bfloat16", "fp16": "float16"}
_THROUGHPUT = "https://docs.nvidia.com/cuda/cuda-c-programming-guide/#arithmetic-instructions"


@rule("nvidia", "fp32", "fp64", "bf16", "fp16")
@rule("amd", "fp32", "fp64", "bf16", "fp16")
@rule("xpu", "fp32", "fp64", "bf16", "fp16")
@rule("mps", "fp32", "fp64", "bf16", "fp16")
@rule("tpu", "fp32", "fp64", "bf16")
def arithmetic(case: Case) -> Verdict:
    """Native where a unit takes the format, refused where PyTorch refuses it, else emulated."""
    known = architecture_of(case)
    if known is None:
        return undetermined(case, f"native {case.number_format}")
    facts, dtype = known.facts, _DTYPES[case.number_format]
    level: SupportLevel = "native" if facts.computes(dtype) else "unsupported" if dtype in facts.refused else "emulated"
    return Verdict(
        level=level,
        reason=_reason(case, known, dtype),
        remedy=None if level == "native" else f"Use {_instead(case.number_format, facts)}.",
        source=facts.reference(dtype),
    )


def undetermined(case: Case, what: str) -> Verdict:
    """Leave to trials what an NVIDIA device can do that does not tell its compute capability; all do fp32 and fp64."""
    if case.number_format in {"fp32", "fp64"} and case.candidate.matmul_precision == "highest":
        return Verdict(
            level="native",
            reason=f"{case.device_name} computes in {case.number_format}, as every GPU of NVIDIA.",
            source=_THROUGHPUT,
        )
    return Verdict(
        level="emulated",
        reason=f"The driver does not tell the compute capability of {case.device_name}: only a trial can show whether "
        f"it has {what}.",
        remedy="Update the NVIDIA driver.",
        source=_THROUGHPUT,
    )


def named(case: Case, known: Known) -> str:
    """Return the device as a sentence names it, with the number that decides."""
    return f"{case.device_name} ({known.label})" if known.label else case.device_name


def half_precision(facts: ArchitectureFacts) -> str:
    """Return the best mixed precision that an architecture computes natively, `32-true` if none."""
    if facts.computes("bfloat16"):
        return "bf16-mixed"
    return "16-mixed" if facts.computes("float16") else "32-true"


def _reason(case: Case, known: Known, dtype: Dtype) -> str:
    facts, number_format = known.facts, case.number_format
    remark = facts.remarks.get(dtype)
    if facts.computes(dtype):
        units = number_format in {"bf16", "fp16"} and dtype in facts.matrix
        what = f"has matrix units for {number_format}" if units else f"computes in {number_format}"
        what += f", {remark.text}" if remark else ""
    else:
        what = remark.text if remark else f"is not known to compute in {number_format} without a detour through fp32"
    unverified = f"What autoprec knows of {facts.name} is unverified." if facts.status == "unverified" else None
    return " ".join(filter(None, (f"{named(case, known)} {what}.", known.caveat, unverified)))


def _instead(number_format: NumberFormat, facts: ArchitectureFacts) -> str:
    if number_format == "fp64":
        return "32-true, or the CPU for 64-true"
    return half_precision(facts)
