"""Where FP8 runs (Transformer Engine, on NVIDIA's devices from Ada on) and where its numbers can be emulated.

Sources: `autoprec_probe.fp8`; NVIDIA/TransformerEngine issues 15 and 610 (what Ada needs).
"""

from autoprec_probe.catalog import ArchitectureFacts
from autoprec_probe.features import BF16_COMPUTE
from autoprec_probe.fp8 import INSTALL, PACKAGE, SOURCE, default_recipe, dotted, fp8_refusal
from autoprec_probe.rules.architecture import architecture_of, capability_of
from autoprec_probe.rules.arithmetic import half_precision
from autoprec_probe.rules.case import Case, Platform
from autoprec_probe.rules.libraries import cuda_version, library_version
from autoprec_probe.rules.registry import rule
from autoprec_probe.verdict import Verdict

_ROCM_SOURCE = "https://github.com/ROCm/TransformerEngine"
_EMULATING: tuple[Platform, ...] = ("cpu", "nvidia", "amd")
_WEIGHTS = {"transformer-engine": "bf16", "transformer-engine-float16": "fp16"}


@rule("nvidia", "fp8")
def transformer_engine(case: Case) -> Verdict:
    """Native from compute capability 8.9 with recent libraries, and where Transformer Engine is installed."""
    capability = capability_of(case)
    if capability is None:
        return Verdict(
            level="unsupported",
            reason=f"The driver does not tell the compute capability of {case.device_name}: FP8 takes 8.9.",
            remedy="Update the NVIDIA driver.",
            source=SOURCE,
        )
    refusal = fp8_refusal(capability, cuda=cuda_version(case), cublaslt=library_version(case, "nvidia-cublas"))
    if refusal:
        return _unsupported(case, f"{case.device_name} cannot run Transformer Engine: {refusal}.")
    if case.lacks(PACKAGE):
        return Verdict(
            level="missing-package",
            reason=f"{case.device_name} multiplies FP8, through Transformer Engine, which is not installed.",
            remedy=INSTALL,
            source=SOURCE,
        )
    return Verdict(
        level="native",
        reason=f"{case.device_name} (compute capability {dotted(capability)}) multiplies FP8 through "
        f"Transformer Engine with the recipe {default_recipe(capability)}, and computes the rest in "
        f"{_WEIGHTS[case.candidate.precision]}.{_caveat(case)}",
        source=SOURCE,
    )


@rule("amd", "fp8")
def amd(case: Case) -> Verdict:
    """AMD's matrix units multiply FP8 from CDNA 3 and RDNA 4 on, through another Transformer Engine."""
    known = architecture_of(case)
    flavour = None if known is None else _flavour(known.facts)
    if flavour is None:
        return elsewhere(case)
    return _unsupported(
        case,
        f"The matrix units of {case.device_name} multiply FP8 in the {flavour}, but through AMD's own Transformer "
        "Engine (ROCm/TransformerEngine), a package that autoprec does not drive: the precision transformer-engine is "
        "NVIDIA's, and needs an NVIDIA GPU of compute capability 8.9 or newer.",
        _ROCM_SOURCE,
    )


def _flavour(facts: ArchitectureFacts) -> str | None:
    if "float8_e4m3fnuz" in facts.matrix:
        return "FNUZ flavour, whose largest e4m3 number is 240 instead of 448"
    return "OCP flavour" if "float8_e4m3fn" in facts.matrix else None


@rule("cpu", "fp8")
@rule("xpu", "fp8")
@rule("mps", "fp8")
@rule("tpu", "fp8")
def elsewhere(case: Case) -> Verdict:
    """Transformer Engine is made for NVIDIA's devices."""
    return _unsupported(
        case,
        f"Transformer Engine needs an NVIDIA GPU of compute capability 8.9 or newer, and {case.device_name} is none.",
    )


@rule("cpu", "emulated-fp8")
@rule("nvidia", "emulated-fp8")
@rule("amd", "emulated-fp8")
def emulation(case: Case) -> Verdict:
    """Quantizing and dequantizing around a product gives the numbers of FP8 wherever torch has its types."""
    return Verdict(
        level="emulated",
        reason=f"The numbers of FP8 are computed in fp32 on {case.device_name}: for stability only, never timed.",
        remedy="For its speed, try it on an NVIDIA GPU of compute capability 8.9 or newer.",
        source=SOURCE,
    )


@rule("xpu", "emulated-fp8")
@rule("mps", "emulated-fp8")
@rule("tpu", "emulated-fp8")
def no_emulation(case: Case) -> Verdict:
    """Not offered before it was seen to work."""
    return Verdict(
        level="unsupported",
        reason=f"autoprec has not seen torch's FP8 types at work on {case.device_name}.",
        remedy="Emulate on the CPU.",
        source=SOURCE,
    )


def _unsupported(case: Case, reason: str, source: str = SOURCE) -> Verdict:
    where = "" if case.platform in _EMULATING else " on a CPU"
    return Verdict(
        level="unsupported",
        reason=reason,
        remedy=f"Use {_mixed(case)}; to see whether the model is stable in FP8, try it with emulate=True{where}.",
        source=source,
    )


def _mixed(case: Case) -> str:
    """Return the mixed precision that comes closest and is native, `32-true` if none is."""
    if case.platform == "cpu":
        return "32-true" if BF16_COMPUTE.isdisjoint(case.profile.cpu.features) else "bf16-mixed"
    known = architecture_of(case)
    if known is None:
        return "32-true"
    wants_fp16 = _WEIGHTS[case.candidate.precision] == "fp16" and known.facts.computes("float16")
    return "16-mixed" if wants_fp16 else half_precision(known.facts)


def _caveat(case: Case) -> str:
    known = architecture_of(case)
    return f" {known.caveat}" if known and known.caveat else ""
