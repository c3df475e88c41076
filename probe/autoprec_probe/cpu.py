"""What processor a machine has, and what of it this process may use, as its operating system shows it."""

from math import ceil
from typing import Any

from autoprec_probe.core_kinds import core_kinds
from autoprec_probe.cpuinfo import CpuInfo
from autoprec_probe.features import instruction_family
from autoprec_probe.identity import identify
from autoprec_probe.limits import cpu_quota, memory_limit_bytes
from autoprec_probe.macos import detect_macos_cpu
from autoprec_probe.profile import Cpu
from autoprec_probe.reader import Reader
from autoprec_probe.topology import numa_nodes, physical_cores, threads_per_core

_SPELLINGS = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


def detect_cpu(reader: Reader) -> Cpu:
    """Return the processor behind `reader`; what the operating system does not show is None."""
    if reader.system == "Darwin":
        return detect_macos_cpu(reader)
    return _detect_linux_cpu(reader)


def _detect_linux_cpu(reader: Reader) -> Cpu:
    """Also serves systems without /proc, where little more than the architecture remains."""
    architecture = canonical_architecture(reader.machine)
    cpuinfo = CpuInfo.parse(reader.read_text("/proc/cpuinfo") or "")
    identity = identify(instruction_family(architecture), cpuinfo)
    return Cpu(
        architecture=architecture,
        physical_cores=physical_cores(reader, cpuinfo),
        logical_cores=cpuinfo.processors or reader.logical_cores,
        numa_nodes=numa_nodes(reader),
        threads_per_core=threads_per_core(reader, cpuinfo),
        core_kinds=core_kinds(reader, cpuinfo, identity.get("microarchitecture")),
        **_usable(reader),
        **identity,
    )


def canonical_architecture(machine: str) -> str:
    """Return the architecture as Linux spells it: Windows says AMD64, macOS arm64."""
    return _SPELLINGS.get(machine.lower(), machine)


def _usable(reader: Reader) -> dict[str, Any]:
    """Return the limits of this process; one that is not below what the machine has limits nothing."""
    total, limit = memory_total_bytes(reader.read_text("/proc/meminfo") or ""), memory_limit_bytes(reader)
    quota, cores = cpu_quota(reader), reader.usable_cores
    effective = quota if quota is not None and (cores is None or quota < cores) else None
    return {
        "usable_cores": cores if effective is None else ceil(effective),
        "cpu_quota": effective,
        "memory_total_bytes": total,
        "memory_limit_bytes": limit if limit is not None and (total is None or limit < total) else None,
    }


def memory_total_bytes(meminfo: str) -> int | None:
    """Return the memory that the text of /proc/meminfo tells, None where it does not."""
    total = next((line.split() for line in meminfo.splitlines() if line.startswith("MemTotal:")), [])
    return int(total[1]) * 1024 if len(total) > 1 and total[1].isdecimal() else None
