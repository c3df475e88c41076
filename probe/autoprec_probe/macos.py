"""The processor of a Mac, from the text of sysctl.

Source of the names: Apple, "Determining instruction set characteristics" (`hw.optional.arm.FEAT_*`).
"""

from typing import Any

from autoprec_probe.features import relevant_features
from autoprec_probe.microarchitecture import apple_microarchitecture, intel_microarchitecture
from autoprec_probe.profile import Cpu
from autoprec_probe.reader import Reader

_ARM_FLAGS = {
    "AdvSIMD": ("asimd",),
    "FEAT_FP16": ("asimdhp", "fphp"),
    "FEAT_FHM": ("asimdfhm",),
    "FEAT_DotProd": ("asimddp",),
    "FEAT_BF16": ("bf16",),
    "FEAT_I8MM": ("i8mm",),
    "FEAT_SME": ("sme",),
    "FEAT_SME2": ("sme2",),
}
"""Linux's flags for what macOS calls otherwise."""

_X86_LISTS = ("machdep.cpu.features", "machdep.cpu.leaf7_features", "machdep.cpu.extfeatures")
_X86_FLAGS = {"avx1.0": "avx"}


def detect_macos_cpu(reader: Reader) -> Cpu:
    """Return the processor of a Mac; a Python for Intel on Apple's own processor is told by the brand."""
    facts = dict(line.split(": ", 1) for line in (reader.sysctl() or "").splitlines() if ": " in line)
    brand = facts.get("machdep.cpu.brand_string")
    apple = brand.startswith("Apple") if brand is not None else reader.machine == "arm64"
    return Cpu(
        architecture="aarch64" if apple else "x86_64",
        model_name=brand,
        physical_cores=_number(facts, "hw.physicalcpu"),
        logical_cores=_number(facts, "hw.logicalcpu") or _number(facts, "hw.ncpu") or reader.logical_cores,
        usable_cores=reader.usable_cores,
        memory_total_bytes=_number(facts, "hw.memsize"),
        **(_identify_apple(facts, brand) if apple else _identify_intel(facts)),
    )


def _number(facts: dict[str, str], key: str) -> int | None:
    text = facts.get(key, "")
    return int(text) if text.isdecimal() else None


def _identify_apple(facts: dict[str, str], brand: str | None) -> dict[str, Any]:
    flags = [
        flag
        for name, linux_flags in _ARM_FLAGS.items()
        if facts.get(f"hw.optional.arm.{name}") == "1"
        for flag in linux_flags
    ]
    return {
        "vendor": "Apple",
        "microarchitecture": None if brand is None else apple_microarchitecture(brand),
        "features": relevant_features("arm", flags),
    }


def _identify_intel(facts: dict[str, str]) -> dict[str, Any]:
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
