"""Where bitsandbytes quantizes weights, and whether it multiplies them with kernels of their own.

Quantized weights are for memory: time is seldom gained (bitsandbytes issues 347 and 490 measured int8 up to 4.7 times
slower than fp16).

Sources: bitsandbytes 0.50, README ("Accelerator support") and installation guide (compute capabilities), the kernels in
the libraries of its wheels; `bitsandbytes/backends/cpu/ops.py` (which CPU features its kernels ask for).
"""

from autoprec_probe.builds import BITSANDBYTES_SOURCE, BITSANDBYTES_WHEELS_BEGIN
from autoprec_probe.features import instruction_family
from autoprec_probe.fp8 import Capability, dotted
from autoprec_probe.precision import BITSANDBYTES
from autoprec_probe.rules.architecture import capability_of, target_of
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.libraries import cuda_version, reaches
from autoprec_probe.rules.registry import rule, rule_for
from autoprec_probe.verdict import Verdict

_README = "https://github.com/bitsandbytes-foundation/bitsandbytes/blob/0.50.0/README.md#accelerator-support"
_CPU_KERNELS = "https://github.com/bitsandbytes-foundation/bitsandbytes/blob/0.50.0/bitsandbytes/backends/cpu/ops.py"

_TURING = (7, 5)
_PASCAL = (6, 0)
_AMD_TARGETS = ("gfx908", "gfx90a", "gfx942", "gfx950", "gfx1250", "gfx101", "gfx103", "gfx110", "gfx115", "gfx120")
_INT8_UNITS = frozenset({"avx512_vnni", "amx_int8"})
_FOR_MEMORY = "Use it where memory counts more than time; for time, use bf16-mixed, 16-mixed or 32-true."


def bitsandbytes_gate(case: Case) -> Verdict | None:
    """Refuse where bitsandbytes is not installed and installing it would help."""
    if case.candidate.precision not in BITSANDBYTES or not case.lacks("bitsandbytes"):
        return None
    if rule_for(case)(case).level == "unsupported":
        return None
    return Verdict(
        level="missing-package",
        reason=f"{case.candidate.precision} quantizes through bitsandbytes, which is not installed.",
        remedy="pip install bitsandbytes",
        source=BITSANDBYTES_SOURCE,
    )


@rule("cpu", "4-bit")
def cpu_four_bits(case: Case) -> Verdict:
    """A fused kernel with avx512_bf16; elsewhere weights are unpacked for every product."""
    if (refusal := _without_avx2(case)) is not None:
        return refusal
    if "avx512_bf16" in case.profile.cpu.features:
        return Verdict(
            level="native",
            reason=f"{case.device_name} multiplies 4-bit weights in bf16 with a fused kernel (avx512_bf16) in "
            "inference; for training they are unpacked for every product.",
            source=_CPU_KERNELS,
        )
    return Verdict(
        level="emulated",
        reason=f"{case.device_name} has no kernel for 4-bit weights (avx512_bf16): they are unpacked for every "
        "product, which saves memory and costs time.",
        remedy=_FOR_MEMORY,
        source=_CPU_KERNELS,
    )


@rule("cpu", "int8")
def cpu_int8(case: Case) -> Verdict:
    """LLM.int8() multiplies in int8 with AVX-512; training never does on a CPU."""
    if (refusal := _without_avx2(case)) is not None:
        return refusal
    if case.candidate.precision == "bnb-int8-training":
        return Verdict(
            level="emulated",
            reason=f"On {case.device_name}, bitsandbytes rounds weights to int8 at every forward and multiplies them "
            "in the dtype of the activations: the numerics of int8 at more than the cost of half precision.",
            remedy=_FOR_MEMORY,
            source=_CPU_KERNELS,
        )
    units = ", ".join(sorted(_INT8_UNITS.intersection(case.profile.cpu.features)))
    if units and "avx512f" in case.profile.cpu.features:
        return Verdict(level="native", reason=f"{case.device_name} multiplies int8 ({units}).", source=_CPU_KERNELS)
    return Verdict(
        level="emulated",
        reason=f"{case.device_name} shows no int8 arithmetic that PyTorch uses (AVX-512 with avx512_vnni or amx_int8): "
        "int8 weights are multiplied in fp32, which saves memory and costs time.",
        remedy=_FOR_MEMORY,
        source=_CPU_KERNELS,
    )


@rule("nvidia", "4-bit", "int8")
def nvidia(case: Case) -> Verdict:
    """4-bit weights from compute capability 6.0, LLM.int8() from 7.5."""
    known = capability_of(case)
    needed, what = (_TURING, "LLM.int8()") if case.number_format == "int8" else (_PASCAL, "NF4 and FP4")
    begins = f"compute capability {dotted(needed)}"
    if known is None:
        return Verdict(
            level="emulated",
            reason=f"The driver does not tell the compute capability of {case.device_name}; {what} takes {begins}: "
            "only a trial can show whether it runs.",
            remedy="Update the NVIDIA driver.",
            source=BITSANDBYTES_SOURCE,
        )
    name = f"{case.device_name} (compute capability {dotted(known)})"
    if known < needed:
        return Verdict(
            level="unsupported",
            reason=f"{name} is too old: {what} of bitsandbytes begins with {begins}.",
            remedy="Use bnb-nf4." if known >= _PASCAL else "Use 32-true.",
            source=BITSANDBYTES_SOURCE,
        )
    return _missing_from_wheel(case, known, name) or Verdict(
        level="native",
        reason=f"{name} runs bitsandbytes' kernels for {case.number_format} weights, which save memory, seldom time.",
        source=BITSANDBYTES_SOURCE,
    )


def _missing_from_wheel(case: Case, capability: Capability, name: str) -> Verdict | None:
    """Refuse old devices for which the library for torch's CUDA has no kernels; an unknown CUDA passes."""
    cuda = cuda_version(case)
    least = next((least for version, least in BITSANDBYTES_WHEELS_BEGIN if reaches(cuda, version)), _PASCAL)
    if capability >= least:
        return None
    return Verdict(
        level="unsupported",
        reason=f"{name} is left out of bitsandbytes' wheels for CUDA {cuda}, which begin with compute capability "
        f"{dotted(least)}.",
        remedy="Install a torch built for CUDA 12.6, whose bitsandbytes kernels begin with 6.0, or build bitsandbytes.",
        source=BITSANDBYTES_SOURCE,
    )


@rule("amd", "4-bit", "int8")
def amd(case: Case) -> Verdict:
    """The targets that the ROCm wheels are built for."""
    target = target_of(case) or ""
    if target.startswith(_AMD_TARGETS):
        return Verdict(
            level="native",
            reason=f"{case.device_name} ({target}) is among the targets that bitsandbytes is built for.",
            source=_README,
        )
    return Verdict(
        level="unsupported",
        reason=f"{case.device_name} ({target or 'target unknown'}) is not among the targets that bitsandbytes is built "
        f"for ({', '.join(_AMD_TARGETS)}).",
        remedy="Use bf16-mixed or 32-true.",
        source=_README,
    )


@rule("xpu", "4-bit", "int8")
def xpu(case: Case) -> Verdict:
    """Data Center GPU Max and Arc have kernels."""
    return Verdict(
        level="native",
        reason=f"{case.device_name}: bitsandbytes has kernels for Intel GPUs, which save memory, seldom time.",
        source=_README,
    )


@rule("mps", "4-bit", "int8")
def mps(case: Case) -> Verdict:
    """Runs, in PyTorch operations rather than kernels."""
    return Verdict(
        level="emulated",
        reason=f"{case.device_name}: on Metal, bitsandbytes unpacks weights by general PyTorch operations, which saves "
        "memory and costs time.",
        remedy=_FOR_MEMORY,
        source=_README,
    )


@rule("tpu", "4-bit", "int8")
def tpu(case: Case) -> Verdict:
    """There is no backend."""
    return Verdict(
        level="unsupported",
        reason=f"bitsandbytes has no backend for {case.device_name}.",
        remedy="Use bf16-true.",
        source=_README,
    )


def _without_avx2(case: Case) -> Verdict | None:
    """Refuse x86 processors below what the wheels are built for."""
    cpu = case.profile.cpu
    has_avx2 = "avx2" in cpu.features or "avx512f" in cpu.features or not cpu.features  # a system may not tell
    if cpu.architecture in {"aarch64", "arm64"} or (instruction_family(cpu.architecture) == "x86" and has_avx2):
        return None
    return Verdict(
        level="unsupported",
        reason=f"bitsandbytes is not built for {case.device_name}: it takes x86-64 with AVX2, or 64-bit ARM.",
        remedy="Use 32-true.",
        source=_README,
    )
