"""Where FP8 runs (Transformer Engine, on NVIDIA's devices from Ada on) and where its numbers can be emulated.

Sources: `autoprec_probe.fp8`; NVIDIA/TransformerEngine issues 15 and 610 (what Ada needs).
"""

from autoprec_probe.fp8 import INSTALL, PACKAGE, SOURCE, Capability, cuda_of_build, default_recipe, fp8_refusal
from autoprec_probe.nvidia import lowest_capability
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.registry import rule
from autoprec_probe.verdict import Verdict

_WEIGHTS = {"transformer-engine": "bf16", "transformer-engine-float16": "fp16"}
_AMPERE: Capability = (8, 0)


@rule("nvidia", "fp8")
def transformer_engine(case: Case) -> Verdict:
    """Native from compute capability 8.9 with recent libraries, and where Transformer Engine is installed."""
    capability = _capability(case)
    if capability is None:
        return Verdict(
            level="unsupported",
            reason=f"The driver does not tell the compute capability of {case.device_name}: FP8 takes 8.9.",
            remedy="Update the NVIDIA driver.",
            source=SOURCE,
        )
    refusal = fp8_refusal(capability, cuda=_cuda(case), cublaslt=_version(case, "nvidia-cublas"))
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
        reason=f"{case.device_name} (compute capability {capability[0]}.{capability[1]}) multiplies FP8 through "
        f"Transformer Engine with the recipe {default_recipe(capability)}, and computes the rest in "
        f"{_WEIGHTS[case.candidate.precision]}.",
        source=SOURCE,
    )


@rule("cpu", "fp8")
@rule("amd", "fp8")
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


def _unsupported(case: Case, reason: str) -> Verdict:
    return Verdict(
        level="unsupported",
        reason=reason,
        remedy=f"Use {_mixed(case)}; to see whether the model is stable in FP8, try it with emulate=True.",
        source=SOURCE,
    )


def _mixed(case: Case) -> str:
    """Return the mixed precision that comes closest and is native: NVIDIA's devices before Ampere emulate bf16."""
    capability = _capability(case) if case.platform == "nvidia" else None
    wants_fp16 = _WEIGHTS[case.candidate.precision] == "fp16"
    return "16-mixed" if capability and (wants_fp16 or capability < _AMPERE) else "bf16-mixed"


def _capability(case: Case) -> Capability | None:
    accelerator = case.accelerator
    assert accelerator is not None, "the device gate lets no case without a device through"
    return accelerator.compute_capability or lowest_capability(accelerator.architecture)


def _cuda(case: Case) -> str | None:
    return cuda_of_build(case.profile.software.packages.get("torch")) or _version(case, "nvidia-cuda-runtime")


def _version(case: Case, package: str) -> str | None:
    """Return the version of one of CUDA's libraries, whose names carry no suffix since CUDA 13."""
    packages = case.profile.software.packages
    return packages.get(package) or packages.get(f"{package}-cu12")
