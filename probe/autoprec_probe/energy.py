"""What a machine has used so far, as its meters count it: RAPL's for the host, the driver's for each accelerator.

RAPL tells by the powercap files of Linux, which most containers hide and only root may read since CVE-2020-8694.
Zones on top are packages (`psys`, which holds them, is left out); a zone `dram` below one counts beside it. Each
counter wraps around at its `max_energy_range_uj`.
Source: https://docs.kernel.org/power/powercap/powercap.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoprec_probe.reader import Reader

_POWERCAP = "/sys/class/powercap"
_MICRO = 1e-6
_PACKAGE = re.compile(r"intel-rapl:\d+")
_PART = re.compile(r"intel-rapl:\d+:\d+")


@dataclass(frozen=True, kw_only=True)
class EnergyReading:
    """What every meter counted at one moment, in joules since a start of its own."""

    zones: Mapping[str, float] = field(default_factory=dict)
    """RAPL's zones, by folder."""
    ranges: Mapping[str, float] = field(default_factory=dict)
    """Where each of them wraps around."""
    devices: Mapping[int, float] = field(default_factory=dict)
    """Accelerators, by index; one whose driver does not count is not there."""


def read_energy(reader: Reader) -> EnergyReading:
    """Return what the meters of the machine behind `reader` count now; what cannot be read is not there.

    Raises:
        ReaderError: A file of the host exists and could not be read.
    """
    zones, ranges = {}, {}
    for name in reader.list_directory(_POWERCAP) or ():
        folder = f"{_POWERCAP}/{name}"
        counted, limit = (_joules(reader, f"{folder}/{file}") for file in ("energy_uj", "max_energy_range_uj"))
        if counted is not None and limit is not None and _counts(reader, name):
            zones[name], ranges[name] = counted, limit
    devices = {each.index: each.energy_joules for each in reader.nvml_telemetry() if each.energy_joules is not None}
    return EnergyReading(zones=zones, ranges=ranges, devices=devices)


def host_joules(before: EnergyReading, after: EnergyReading) -> float | None:
    """Return what the host used between two readings less than a wrap-around apart; None if nothing counts it."""
    if not before.zones or before.zones.keys() != after.zones.keys():
        return None
    return sum((after.zones[name] - counted) % before.ranges[name] for name, counted in before.zones.items())


def device_joules(before: EnergyReading, after: EnergyReading, index: int) -> float | None:
    """Return what an accelerator used between two readings; None if its driver does not count, or was loaded anew."""
    if index not in before.devices or index not in after.devices:
        return None
    used = after.devices[index] - before.devices[index]
    return used if used >= 0 else None


def _counts(reader: Reader, name: str) -> bool:
    """Return whether a zone belongs into the sum: a package, or memory, which packages leave out."""
    called = (reader.read_text(f"{_POWERCAP}/{name}/name") or "").strip()
    if _PACKAGE.fullmatch(name):
        return called.startswith("package")
    return bool(_PART.fullmatch(name)) and called == "dram"


def _joules(reader: Reader, path: str) -> float | None:
    text = (reader.read_text(path) or "").strip()
    return int(text) * _MICRO if text.isdigit() else None
