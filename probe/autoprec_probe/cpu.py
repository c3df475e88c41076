"""What processor a machine has, from the text that its operating system shows."""

from collections.abc import Callable
from string import hexdigits
from typing import Any

from autoprec_probe.cpu_models import ARM_IMPLEMENTERS, RISCV_NAMES
from autoprec_probe.cpuinfo import CpuInfo
from autoprec_probe.features import instruction_family, relevant_features
from autoprec_probe.macos import detect_macos_cpu
from autoprec_probe.microarchitecture import (
    arm_microarchitecture,
    microarchitecture_by_flags,
    power_microarchitecture,
    x86_microarchitecture,
)
from autoprec_probe.profile import Cpu
from autoprec_probe.reader import Reader
from autoprec_probe.topology import physical_cores

_SPELLINGS = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


def detect_cpu(reader: Reader) -> Cpu:
    """Return the processor behind `reader`; what the operating system does not show is None."""
    if reader.system == "Darwin":
        return detect_macos_cpu(reader)
    return _detect_linux_cpu(reader)


def _detect_linux_cpu(reader: Reader) -> Cpu:
    """Also serves systems without /proc, where little more than the architecture remains."""
    architecture = canonical_architecture(reader.machine)
    family = instruction_family(architecture)
    cpuinfo = CpuInfo.parse(reader.read_text("/proc/cpuinfo") or "")
    identify = _IDENTIFIERS.get(family, _identify_nothing)
    return Cpu(
        architecture=architecture,
        physical_cores=physical_cores(reader, cpuinfo),
        logical_cores=cpuinfo.processors or reader.logical_cores,
        usable_cores=reader.usable_cores,
        memory_total_bytes=_memory_total_bytes(reader),
        **identify(cpuinfo),
    )


def canonical_architecture(machine: str) -> str:
    """Return the architecture as Linux spells it: Windows says AMD64, macOS arm64."""
    return _SPELLINGS.get(machine.lower(), machine)


def _memory_total_bytes(reader: Reader) -> int | None:
    meminfo = reader.read_text("/proc/meminfo") or ""
    total = next((line.split() for line in meminfo.splitlines() if line.startswith("MemTotal:")), None)
    return None if total is None else int(total[1]) * 1024


def _identify_x86(cpuinfo: CpuInfo) -> dict[str, Any]:
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


def _identify_arm(cpuinfo: CpuInfo) -> dict[str, Any]:
    cores = [(_hexadecimal(code), _hexadecimal(part)) for code, part in cpuinfo.distinct("CPU implementer", "CPU part")]
    names = {arm_microarchitecture(implementer, part) for implementer, part in cores}
    return {
        "vendor": ARM_IMPLEMENTERS.get(cores[0][0]) if cores else None,
        "model_name": cpuinfo.first("model name"),
        "microarchitecture": None if None in names else "+".join(sorted(filter(None, names))) or None,
        "features": relevant_features("arm", cpuinfo.common_words("Features")),
    }


def _hexadecimal(text: str) -> int:
    """Return the value of `0x41`, and -1, which no table holds, for anything else."""
    digits = text.removeprefix("0x")
    return int(digits, 16) if digits and set(digits) <= set(hexdigits) else -1


def _identify_power(cpuinfo: CpuInfo) -> dict[str, Any]:
    name = cpuinfo.first("cpu")
    if name is None:
        return {}
    return {"vendor": "IBM", "model_name": name, "microarchitecture": power_microarchitecture(name)}


def _identify_riscv(cpuinfo: CpuInfo) -> dict[str, Any]:
    model_name = cpuinfo.first("model name")
    keys = (cpuinfo.first("uarch"), model_name)
    vendor, name = next((RISCV_NAMES[key] for key in keys if key in RISCV_NAMES), (None, None))
    return {"vendor": vendor, "model_name": model_name, "microarchitecture": name}


def _identify_s390(cpuinfo: CpuInfo) -> dict[str, Any]:
    return {"vendor": cpuinfo.first("vendor_id")}


def _identify_nothing(_: CpuInfo) -> dict[str, Any]:
    return {}


_IDENTIFIERS: dict[str, Callable[[CpuInfo], dict[str, Any]]] = {
    "x86": _identify_x86,
    "arm": _identify_arm,
    "power": _identify_power,
    "riscv": _identify_riscv,
    "s390": _identify_s390,
}
