"""The processor and the GPU of a Mac, from the text of sysctl.

Source of the names: Apple, "Determining instruction set characteristics" (`hw.optional.arm.FEAT_*`), and the older
names of macOS 11 (`hw.optional.neon_fp16`).
"""

from typing import Any

from autoprec_probe.features import relevant_features
from autoprec_probe.microarchitecture import apple_microarchitecture, intel_microarchitecture
from autoprec_probe.profile import Accelerator, CoreKind, Cpu
from autoprec_probe.reader import Reader

Facts = dict[str, str]
"""What sysctl says, by its names."""

_ARM_FLAGS = {
    "arm.AdvSIMD": ("asimd",),
    "neon": ("asimd",),
    "arm.FEAT_FP16": ("asimdhp", "fphp"),
    "neon_fp16": ("asimdhp", "fphp"),
    "arm.FEAT_FHM": ("asimdfhm",),
    "armv8_2_fhm": ("asimdfhm",),
    "arm.FEAT_DotProd": ("asimddp",),
    "arm.FEAT_BF16": ("bf16",),
    "arm.FEAT_EBF16": ("ebf16",),
    "arm.FEAT_I8MM": ("i8mm",),
    "arm.FEAT_SME": ("sme",),
    "arm.FEAT_SME2": ("sme2",),
    "arm.SME_F32F32": ("smef32f32",),
    "arm.SME_F16F32": ("smef16f32",),
    "arm.SME_B16F32": ("smeb16f32",),
    "arm.SME_I8I32": ("smei8i32",),
    "arm.FEAT_SME_F16F16": ("smef16f16",),
    "arm.FEAT_SME_B16B16": ("smeb16b16",),
}
"""Linux's flags for what macOS calls otherwise, under `hw.optional`."""

_X86_LISTS = ("machdep.cpu.features", "machdep.cpu.leaf7_features", "machdep.cpu.extfeatures")
_X86_FLAGS = {"avx1.0": "avx"}


def detect_macos_cpu(reader: Reader) -> Cpu:
    """Return the processor of a Mac; a Python for Intel on Apple's own processor is told by the brand."""
    told = {"logical_cores": reader.logical_cores} | cpu_of(sysctl_facts(reader.sysctl() or ""), reader.machine)
    return Cpu(usable_cores=reader.usable_cores, **told)


def detect_apple_gpu(reader: Reader) -> tuple[Accelerator, ...]:
    """Return the GPU that an Apple processor brings along; other systems and Intel Macs have none."""
    return gpu_of(sysctl_facts(reader.sysctl() or "")) if reader.system == "Darwin" else ()


def sysctl_facts(text: str) -> Facts:
    """Return the facts in lines such as `hw.ncpu: 8`."""
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def cpu_of(facts: Facts, machine: str | None = None) -> dict[str, Any]:
    """Return the fields of `Cpu` that sysctl tells; `machine` decides where it gives no brand."""
    brand = facts.get("machdep.cpu.brand_string")
    apple = brand.startswith("Apple") if brand is not None else machine == "arm64"
    physical, logical = _number(facts, "hw.physicalcpu"), _number(facts, "hw.logicalcpu") or _number(facts, "hw.ncpu")
    told = {
        "architecture": "aarch64" if apple else "x86_64",
        "model_name": brand,
        "physical_cores": physical,
        "logical_cores": logical,
        "threads_per_core": logical // physical if physical and logical else None,
        "core_kinds": _core_kinds(facts),
        "memory_total_bytes": _number(facts, "hw.memsize"),
        **(_identify_apple(facts, brand) if apple else _identify_intel(facts)),
    }
    return {name: value for name, value in told.items() if value is not None}


def gpu_of(facts: Facts) -> tuple[Accelerator, ...]:
    """Return the GPU of an Apple processor, which is named after it and shares its memory."""
    brand = facts.get("machdep.cpu.brand_string", "")
    generation = apple_microarchitecture(brand)
    if not brand.startswith("Apple"):
        return ()
    return (
        Accelerator(
            kind="mps",
            index=0,
            vendor="Apple",
            name=brand,
            architecture=None if generation is None else f"apple-{generation}",
            memory_total_bytes=_number(facts, "hw.memsize"),
        ),
    )


def _number(facts: Facts, key: str) -> int | None:
    text = facts.get(key, "").strip()
    return int(text) if text.isdecimal() else None


def _core_kinds(facts: Facts) -> tuple[CoreKind, ...]:
    """Return Apple's levels of performance, of which the first is the fastest; one level is no hybrid."""
    levels = range(_number(facts, "hw.nperflevels") or 0)
    kinds = tuple(
        CoreKind(name=facts.get(f"hw.perflevel{level}.name"), logical_cores=cores)
        for level in levels
        if (cores := _number(facts, f"hw.perflevel{level}.logicalcpu"))
    )
    return kinds if len(kinds) > 1 else ()


def _identify_apple(facts: Facts, brand: str | None) -> dict[str, Any]:
    flags = [
        flag
        for name, linux_flags in _ARM_FLAGS.items()
        if facts.get(f"hw.optional.{name}") == "1"
        for flag in linux_flags
    ]
    return {
        "vendor": "Apple",
        "microarchitecture": None if brand is None else apple_microarchitecture(brand),
        "features": relevant_features("arm", flags),
    }


def _identify_intel(facts: Facts) -> dict[str, Any]:
    words = " ".join(facts.get(key, "") for key in _X86_LISTS).lower().split()
    family, model = _number(facts, "machdep.cpu.family"), _number(facts, "machdep.cpu.model")
    stepping = _number(facts, "machdep.cpu.stepping")
    # Every Intel Mac with AVX is of family 6; captures often leave the family out.
    name = None if model is None else intel_microarchitecture(6 if family is None else family, model, stepping)
    return {
        "vendor": facts.get("machdep.cpu.vendor"),
        "microarchitecture": name,
        "features": relevant_features("x86", (_X86_FLAGS.get(word, word) for word in words)),
    }
