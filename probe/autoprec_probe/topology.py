"""How many physical cores, hardware threads and memory nodes stand behind the logical cores of a Linux machine."""

import re
from collections import Counter

from autoprec_probe.cpuinfo import CpuInfo
from autoprec_probe.reader import Reader

CPUS = "/sys/devices/system/cpu"
_NODES = "/sys/devices/system/node"
_SIBLINGS = ("core_cpus_list", "thread_siblings_list")
"""The file that lists a core's threads, and its name before Linux 5.3."""


def physical_cores(reader: Reader, cpuinfo: CpuInfo) -> int | None:
    """Return the number of physical cores online, from sysfs or else from x86's /proc/cpuinfo."""
    return len(_cores(reader)) or listed_cores(cpuinfo)


def listed_cores(cpuinfo: CpuInfo) -> int | None:
    """Return the number of physical cores that x86's /proc/cpuinfo lists."""
    return len(cpuinfo.distinct("physical id", "core id")) or None


def threads_per_core(reader: Reader, cpuinfo: CpuInfo) -> int | None:
    """Return how many threads share a core (the most, where cores differ), from sysfs or x86's /proc/cpuinfo."""
    cores = _cores(reader)
    return max((len(parse_cpu_list(threads)) for threads in cores), default=None) or listed_threads_per_core(cpuinfo)


def listed_threads_per_core(cpuinfo: CpuInfo) -> int | None:
    """Return how many threads share a core by x86's /proc/cpuinfo, which may list a part of them only."""
    shared = Counter((block.get("physical id"), block.get("core id")) for block in cpuinfo.blocks if "core id" in block)
    siblings, cores_per_socket = cpuinfo.number("siblings"), cpuinfo.number("cpu cores")
    told = siblings // cores_per_socket if siblings and cores_per_socket else 0
    return max(told, *shared.values(), 0) or None if shared else told or None


def numa_nodes(reader: Reader) -> int | None:
    """Return the number of memory nodes, those without cores included, as lscpu does; None where there is no sysfs."""
    names = reader.list_directory(_NODES)
    return None if names is None else sum(re.fullmatch(r"node\d+", name) is not None for name in names) or None


def _cores(reader: Reader) -> frozenset[str]:
    """Return the list of threads of every core online, nothing where sysfs does not tell them all."""
    online = reader.read_text(f"{CPUS}/online")
    if online is None:
        return frozenset()
    cores = [_siblings(reader, cpu) for cpu in parse_cpu_list(online)]
    return frozenset() if None in cores else frozenset(core for core in cores if core)


def _siblings(reader: Reader, cpu: int) -> str | None:
    texts = (reader.read_text(f"{CPUS}/cpu{cpu}/topology/{name}") for name in _SIBLINGS)
    return next((text.strip() for text in texts if text is not None), None)


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Return the numbers of a kernel list such as `0-3,8,10-11`."""
    numbers: list[int] = []
    for item in text.strip().split(","):
        first, _, last = item.partition("-")
        if first:
            numbers.extend(range(int(first), int(last or first) + 1))
    return tuple(numbers)
