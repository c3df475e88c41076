"""The kinds of cores of a hybrid processor, fastest first.

Intel's kernels list them by kind (`/sys/devices/cpu_core/cpus`, `/sys/devices/cpu_atom/cpus`); ARM's cores tell their
part each, and `cpu_capacity` which is the faster one. Source: Linux
`Documentation/ABI/testing/sysfs-devices-system-cpu`.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from autoprec_probe.cpu_models import BIGGEST_CORES, INTEL_HYBRIDS, LITTLE_CORES
from autoprec_probe.cpuinfo import CpuInfo, hexadecimal
from autoprec_probe.microarchitecture import arm_microarchitecture
from autoprec_probe.profile import CoreKind
from autoprec_probe.reader import Reader
from autoprec_probe.topology import CPUS, parse_cpu_list

_INTEL_KINDS = ("cpu_core", "cpu_atom")
_APPLE = 0x61


def core_kinds(reader: Reader, cpuinfo: CpuInfo, microarchitecture: str | None) -> tuple[CoreKind, ...]:
    """Return the kinds of cores where there are several, nothing where all are alike or nothing tells."""
    return _intel_kinds(reader, microarchitecture) or arm_core_kinds(cpuinfo, lambda core: _capacity(reader, core))


def _intel_kinds(reader: Reader, microarchitecture: str | None) -> tuple[CoreKind, ...]:
    lists = [reader.read_text(f"/sys/devices/{kind}/cpus") for kind in _INTEL_KINDS]
    counts = [len(parse_cpu_list(text)) for text in lists if text is not None]
    if len(counts) != len(_INTEL_KINDS):
        return ()
    names = INTEL_HYBRIDS.get(microarchitecture or "", (None, None))
    return tuple(CoreKind(name=name, logical_cores=count) for name, count in zip(names, counts, strict=True))


def arm_core_kinds(cpuinfo: CpuInfo, capacity: Callable[[str], int] = lambda _: 0) -> tuple[CoreKind, ...]:
    """Count the cores of each part; `capacity` tells how fast a processor is, 0 where nothing tells."""
    parts: Counter[tuple[str, str]] = Counter()
    capacities: dict[tuple[str, str], int] = {}
    for block in cpuinfo.blocks:
        if "CPU implementer" in block and "CPU part" in block:
            part = (block["CPU implementer"], block["CPU part"])
            parts[part] += 1
            capacities.setdefault(part, capacity(block.get("processor", "")))
    if len(parts) < 2:  # noqa: PLR2004 (one kind is no hybrid)
        return ()
    ordered = sorted(parts, key=lambda part: (-capacities[part], _rank(_name(*part)), _saves_power(*part)))
    return tuple(CoreKind(name=_name(*part), logical_cores=parts[part]) for part in ordered)


def _capacity(reader: Reader, processor: str) -> int:
    """Return how fast the kernel says that a core is, 1024 for the fastest, 0 where it does not say."""
    text = (reader.read_text(f"{CPUS}/cpu{processor}/cpu_capacity") or "").strip()
    return int(text) if text.isdecimal() else 0


def _name(implementer: str, part: str) -> str | None:
    return arm_microarchitecture(hexadecimal(implementer), hexadecimal(part))


def _saves_power(implementer: str, part: str) -> bool:
    """Tell Apple's efficiency cores, whose parts are even, from the performance cores that share their name."""
    return hexadecimal(implementer) == _APPLE and hexadecimal(part) % 2 == 0


def fastest_first(kinds: Iterable[CoreKind]) -> tuple[CoreKind, ...]:
    """Order kinds of cores by what they were made for, where the kernel tells no capacity."""
    return tuple(sorted(kinds, key=lambda kind: (_rank(kind.name), kind.name or "")))


def _rank(name: str | None) -> int:
    return 0 if name in BIGGEST_CORES else 2 if name in LITTLE_CORES else 1
