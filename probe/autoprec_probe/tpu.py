"""Which TPUs a machine has, without starting their runtime, which only one process may do, and without the network.

Sources: jax `jax/_src/hardware_utils.py` (PCI ids), google `tpu_info/device.py` (subsystem ids, device files), Google
Cloud, "TPU configurations" (what the number in an accelerator type counts), torch_xla `torch_xla/_internal/tpu.py`
(variables).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod

from autoprec_probe.pci import PciDevice, pci_devices
from autoprec_probe.profile import Accelerator
from autoprec_probe.reader import Reader

PCI_VENDOR = 0x1AE0
VENDOR = "Google"

_GENERATIONS_BY_ID = {
    0x005E: "v4",
    0x0062: "v5p",
    0x0063: "v5e",
    0x006F: "v6e",
    0x0076: "v7x",
    0x007C: "v8t",
    0x0083: "v8i",
}
_V2_OR_V3 = 0x0027
_GENERATIONS_BY_SUBSYSTEM = {0x004E: "v2", 0x004F: "v3"}

_CORES_PER_CHIP = {"v2": 2, "v3": 2, "v4": 2, "v5p": 2, "v5e": 1, "v6e": 1, "v7x": 2}
_SUFFIX_COUNTS_CHIPS = frozenset({"v5e", "v6e"})
"""Elsewhere the number in an accelerator type counts cores."""
_MOST_CHIPS_PER_HOST = {"v5e": 8, "v6e": 8}
_USUAL_CHIPS_PER_HOST = 4
_SPELLINGS = {"v5litepod": "v5e", "v5lite": "v5e", "tpu7x": "v7x", "v7": "v7x"}

TYPE_VARIABLES = ("TPU_ACCELERATOR_TYPE", "ACCELERATOR_TYPE")
BOUNDS_VARIABLES = ("TPU_CHIPS_PER_HOST_BOUNDS", "CHIPS_PER_HOST_BOUNDS")


@dataclass(frozen=True, kw_only=True)
class TpuSlice:
    """What an accelerator type says: `v4-16` is 8 chips of the generation v4."""

    generation: str
    count: int

    @property
    def chips(self) -> int:
        """How many chips the whole slice has, over all its hosts."""
        counts_chips = self.generation in _SUFFIX_COUNTS_CHIPS or self.generation not in _CORES_PER_CHIP
        return self.count if counts_chips else ceil(self.count / _CORES_PER_CHIP[self.generation])

    @property
    def usual_chips_per_host(self) -> int:
        """How many of them one host has unless it is told otherwise; a slice that fits into one host has one."""
        most = _MOST_CHIPS_PER_HOST.get(self.generation, _USUAL_CHIPS_PER_HOST)
        return self.chips if self.chips <= most else _USUAL_CHIPS_PER_HOST


def parse_accelerator_type(text: str) -> TpuSlice | None:
    """Return what `v4-16` or `v5litepod-8` says, None for what is no accelerator type."""
    found = re.fullmatch(r"(v\d+[a-z]*|tpu\d+[a-z]*)-(\d+)", text.strip().lower())
    return TpuSlice(generation=_SPELLINGS.get(found[1], found[1]), count=int(found[2])) if found else None


def detect_tpus(reader: Reader) -> tuple[Accelerator, ...]:
    """Return the chips on the bus or, where a sandbox hides it, those that device files and variables tell of.

    Numbers below /dev/vfio are no evidence of a TPU: machines that pass other devices through have them as well.
    """
    found = pci_devices(reader, PCI_VENDOR)
    generations = [each for each in map(_generation, found) if each is not None]
    nodes = _accel_nodes(reader)
    if generations:
        why = None if nodes or _vfio_nodes(reader) else "neither /dev/accel* nor /dev/vfio/* lets this process use it"
        return tuple(_chip(index, generation, why) for index, generation in enumerate(generations))
    if nodes:
        told = slice_of({name: value for name in TYPE_VARIABLES if (value := reader.environment(name)) is not None})
        return tuple(_chip(index, told.generation if told else None) for index in range(nodes))
    return ()


def _generation(device: PciDevice) -> str | None:
    if device.device == _V2_OR_V3:
        return _GENERATIONS_BY_SUBSYSTEM.get(device.subsystem or 0)
    return _GENERATIONS_BY_ID.get(device.device)


def _accel_nodes(reader: Reader) -> int:
    """Count /dev/accel0 and the like; the kernel's own accelerators of other makers are below /dev/accel/."""
    return sum(re.fullmatch(r"accel\d+", name) is not None for name in reader.list_directory("/dev") or ())


def _vfio_nodes(reader: Reader) -> int:
    return sum(name.isdecimal() for name in reader.list_directory("/dev/vfio") or ())


def slice_of(variables: Mapping[str, str]) -> TpuSlice | None:
    """Return the slice that the first accelerator type among the variables names."""
    types = (variables[name] for name in TYPE_VARIABLES if variables.get(name))
    return parse_accelerator_type(next(types, ""))


def chips_of(variables: Mapping[str, str]) -> tuple[Accelerator, ...]:
    """Return the chips of one host, from the variables of a TPU machine's metadata."""
    told = slice_of(variables)
    if told is None:
        return ()
    bounds = next((variables[name] for name in BOUNDS_VARIABLES if variables.get(name)), "")
    numbers = re.findall(r"\d+", bounds)
    here = prod(map(int, numbers)) if numbers else told.usual_chips_per_host
    return tuple(_chip(index, told.generation) for index in range(here))


def _chip(index: int, generation: str | None, error: str | None = None) -> Accelerator:
    return Accelerator(
        kind="tpu",
        index=index,
        vendor=VENDOR,
        name=None if generation is None else f"TPU {generation}",
        architecture=None if generation is None else f"tpu-{generation}",
        cores=_CORES_PER_CHIP.get(generation or ""),
        error=error,
    )
