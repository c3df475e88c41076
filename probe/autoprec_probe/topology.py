"""How many physical cores stand behind the logical ones of a Linux machine."""

from autoprec_probe.cpuinfo import CpuInfo
from autoprec_probe.reader import Reader

_CPUS = "/sys/devices/system/cpu"
_SIBLINGS = ("core_cpus_list", "thread_siblings_list")
"""The file that lists a core's threads, and its name before Linux 5.3."""


def physical_cores(reader: Reader, cpuinfo: CpuInfo) -> int | None:
    """Return the number of physical cores online, from sysfs or else from x86's /proc/cpuinfo."""
    return _from_sysfs(reader) or len(cpuinfo.distinct("physical id", "core id")) or None


def _from_sysfs(reader: Reader) -> int | None:
    online = reader.read_text(f"{_CPUS}/online")
    if online is None:
        return None
    cores = {_siblings(reader, cpu) for cpu in parse_cpu_list(online)}
    return None if None in cores else len(cores)


def _siblings(reader: Reader, cpu: int) -> str | None:
    texts = (reader.read_text(f"{_CPUS}/cpu{cpu}/topology/{name}") for name in _SIBLINGS)
    return next((text.strip() for text in texts if text is not None), None)


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Return the numbers of a kernel list such as `0-3,8,10-11`."""
    numbers: list[int] = []
    for item in text.strip().split(","):
        first, _, last = item.partition("-")
        if first:
            numbers.extend(range(int(first), int(last or first) + 1))
    return tuple(numbers)
