"""Who made a processor and what it can, from the text of /proc/cpuinfo: one small function for each instruction set."""

import re
from collections.abc import Callable
from typing import Any

from autoprec_probe.cpu_models import (
    ARM_IMPLEMENTERS,
    POWER_FEATURES,
    RISCV_VENDOR_IDS,
    RISCV_VENDORS,
    S390_MACHINES,
)
from autoprec_probe.cpuinfo import CpuInfo, hexadecimal
from autoprec_probe.features import relevant_features
from autoprec_probe.microarchitecture import (
    arm_microarchitecture,
    microarchitecture_by_flags,
    power_generation,
    x86_microarchitecture,
)

Identity = dict[str, Any]
"""Fields of `Cpu`: vendor, model_name, microarchitecture, features, hypervisor; those that are known."""


def identify(family: str, cpuinfo: CpuInfo) -> Identity:
    """Return what the text tells of a processor of an instruction family, nothing for a family that is not known."""
    return _IDENTIFIERS.get(family, _identify_nothing)(cpuinfo)


def _identify_x86(cpuinfo: CpuInfo) -> Identity:
    flags = cpuinfo.common_words("flags")
    hypervisor = "hypervisor" in flags if flags else None
    return {
        "vendor": cpuinfo.first("vendor_id"),
        "model_name": cpuinfo.first("model name"),
        "microarchitecture": _x86_microarchitecture(cpuinfo, flags),
        "features": relevant_features("x86", flags),
        "hypervisor": hypervisor,
    }


def _x86_microarchitecture(cpuinfo: CpuInfo, flags: frozenset[str]) -> str | None:
    vendor = cpuinfo.first("vendor_id")
    family, model = cpuinfo.number("cpu family"), cpuinfo.number("model")
    if vendor is None or family is None or model is None:
        return None
    known = x86_microarchitecture(vendor, family, model, cpuinfo.number("stepping"))
    return known if known is not None or "hypervisor" in flags else microarchitecture_by_flags(vendor, flags)


def _identify_arm(cpuinfo: CpuInfo) -> Identity:
    cores = [(hexadecimal(code), hexadecimal(part)) for code, part in cpuinfo.distinct("CPU implementer", "CPU part")]
    names = {arm_microarchitecture(implementer, part) for implementer, part in cores}
    return {
        "vendor": ARM_IMPLEMENTERS.get(cores[0][0]) if cores else None,
        "model_name": cpuinfo.first("model name"),
        "microarchitecture": _joined(names),
        "features": relevant_features("arm", cpuinfo.common_words("Features")),
    }


def _joined(names: set[str | None]) -> str | None:
    return None if None in names else "+".join(sorted(filter(None, names))) or None


def _identify_power(cpuinfo: CpuInfo) -> Identity:
    name = cpuinfo.first("cpu")
    if name is None:
        return {}
    generation = power_generation(name)
    return {
        "vendor": "IBM",
        "model_name": name,
        "microarchitecture": None if generation is None else f"power{generation}",
        "features": tuple(sorted(feature for first, feature in POWER_FEATURES if generation and generation >= first)),
    }


def _identify_riscv(cpuinfo: CpuInfo) -> Identity:
    cores = {_riscv_core(uarch) for (uarch,) in cpuinfo.distinct("uarch") if uarch}
    model_name = cpuinfo.first("model name")
    named = cores or ({_riscv_model(model_name)} if model_name else set())
    vendors = sorted({vendor for vendor, _ in named if vendor})
    return {
        "vendor": vendors[0] if len(vendors) == 1 else _riscv_vendor(cpuinfo.first("mvendorid")),
        "model_name": model_name,
        "microarchitecture": _joined({core for _, core in named}),
        "features": relevant_features("riscv", _riscv_extensions(cpuinfo)),
    }


def _riscv_core(uarch: str) -> tuple[str | None, str | None]:
    """Return vendor and core of `sifive,u74-mc`."""
    prefix, _, core = uarch.partition(",")
    vendor = RISCV_VENDORS.get(prefix)
    return (vendor, core.replace("-", "") or None) if vendor else (None, None)


def _riscv_model(model_name: str) -> tuple[str | None, str | None]:
    """Return vendor and core of `Spacemit(R) X60`, where the kernel gives no `uarch`."""
    found = re.fullmatch(r"(\w+)\(R\) (\w+)", model_name)
    vendor = RISCV_VENDORS.get(found[1].lower()) if found else None
    return (vendor, found[2].lower()) if found and vendor else (None, None)


def _riscv_vendor(mvendorid: str | None) -> str | None:
    return RISCV_VENDOR_IDS.get(hexadecimal(mvendorid)) if mvendorid else None


def _riscv_extensions(cpuinfo: CpuInfo) -> frozenset[str]:
    """Return the extensions in every line such as `rv64imafdcv_zfh_zvfh`: single letters, then words."""
    shown = [frozenset(_extensions(isa)) for (isa,) in cpuinfo.distinct("isa")]
    return frozenset.intersection(*shown) if shown else frozenset()


def _extensions(isa: str) -> list[str]:
    letters, *words = isa.lower().split("_")
    return [*re.sub(r"^rv(32|64)", "", letters), *words]


def _identify_s390(cpuinfo: CpuInfo) -> Identity:
    machine = re.search(r"machine = (\w+)", cpuinfo.first("processor 0") or "")
    return {
        "vendor": cpuinfo.first("vendor_id"),
        "microarchitecture": S390_MACHINES.get(machine[1]) if machine else None,
        "features": relevant_features("s390", cpuinfo.common_words("features")),
    }


def _identify_nothing(_: CpuInfo) -> Identity:
    return {}


_IDENTIFIERS: dict[str, Callable[[CpuInfo], Identity]] = {
    "x86": _identify_x86,
    "arm": _identify_arm,
    "power": _identify_power,
    "riscv": _identify_riscv,
    "s390": _identify_s390,
}
