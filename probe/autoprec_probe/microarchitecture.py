"""From a processor's identity numbers to the name of its microarchitecture.

Identity comes first, because hypervisors and firmware hide flags, and two generations may show the same ones.
archspec's table by flags answers only for models newer than ours, on bare metal, and never with a generic level.
"""

import re

from autoprec_probe.cpu_models import (
    AMD_MODELS,
    ARM_PARTS,
    HYGON_MODELS,
    INTEL_LATER_MODELS,
    INTEL_MODELS,
    INTEL_SKYLAKE_SERVER,
    INTEL_SKYLAKE_SERVER_STEPPINGS,
)

_INTEL_FAMILY = 6
_LOWEST_LEVEL = "x86_64_v3"


def x86_microarchitecture(vendor: str, family: int, model: int, stepping: int | None) -> str | None:
    """Return the name for an x86 processor's vendor id, family, model and stepping."""
    if vendor == "GenuineIntel":
        return intel_microarchitecture(family, model, stepping)
    families = {"AuthenticAMD": AMD_MODELS, "HygonGenuine": HYGON_MODELS}.get(vendor, {})
    return _within(families.get(family, ()), model)


def intel_microarchitecture(family: int, model: int, stepping: int | None) -> str | None:
    """Return the name for an Intel family, model and stepping."""
    if family != _INTEL_FAMILY:
        return INTEL_LATER_MODELS.get((family, model))
    if model == INTEL_SKYLAKE_SERVER:
        return None if stepping is None else _within(INTEL_SKYLAKE_SERVER_STEPPINGS, stepping)
    return INTEL_MODELS.get(model)


def _within(ranges: tuple[tuple[range, str], ...], number: int) -> str | None:
    return next((name for numbers, name in ranges if number in numbers), None)


def arm_microarchitecture(implementer: int, part: int) -> str | None:
    """Return the name for an ARM implementer and part."""
    return ARM_PARTS.get((implementer, part))


def power_generation(cpu: str) -> int | None:
    """Return 9 for POWER's `cpu` line `POWER9, altivec supported`; since the eleventh it is spelt `Power11`."""
    found = re.match(r"POWER(\d+)", cpu, re.IGNORECASE)
    return int(found[1]) if found else None


def apple_microarchitecture(brand: str) -> str | None:
    """Return the name for macOS's brand string, such as `Apple M4 Max`."""
    found = re.match(r"Apple M(\d+)", brand)
    return f"m{found[1]}" if found else None


def microarchitecture_by_flags(vendor: str, flags: frozenset[str]) -> str | None:
    """Return archspec's newest x86 target of this vendor whose features are all there, None if only a generic level is.

    Targets below the best generic level are left out, as archspec does: a machine that lacks one hidden flag would
    else pass for one many years older. So are machines below level 3: none newer than our table lacks AVX2, and small
    old cores would pass for big ones. The answer is the nearest relative that archspec knows.
    """
    from archspec.cpu import TARGETS  # noqa: PLC0415 (25 ms, and hardly ever needed)

    # Linux calls sse3 `pni`, and archspec's targets take it from ssse3.
    shown = flags | {"sse3"} if "ssse3" in flags else flags
    fitting = [each for each in TARGETS.values() if each.features <= shown and each.family == "x86_64"]
    level = max((each for each in fitting if each.vendor == "generic"), key=lambda each: len(each.ancestors))
    if level < TARGETS[_LOWEST_LEVEL]:
        return None
    named = [each for each in fitting if each.vendor == vendor and each > level]
    best = max(named, key=lambda each: (len(each.ancestors), len(each.features)), default=None)
    return None if best is None else str(best.name)
