"""The table of `nvidia-smi --query-gpu=… --format=csv`, with units or without."""

import re
from collections.abc import Iterator
from itertools import starmap
from typing import Any

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.captures.completeness import truncated
from autoprec_probe.captures.printed_device import PrintedDevice, version
from autoprec_probe.profile import Accelerator

_LAYOUT = "nvidia-smi --query-gpu=... --format=csv"
_COLUMN = re.compile(r"([a-z0-9_.]+)(?: \[(\S+)\])?")
_FIELDS = {
    "name": "name",
    "gpu_name": "name",
    "uuid": "uuid",
    "gpu_uuid": "uuid",
    "compute_cap": "compute_capability",
    "memory.total": "memory_total",
    "memory.free": "memory_free",
    "mig.mode.current": "mig_mode",
    "power.limit": "power_limit",
    "pcie.link.gen.max": "pcie_generation",
    "pcie.link.width.max": "pcie_width",
}
"""Columns of nvidia-smi that tell something of a device, and what they are called here."""
_OTHERS = {"count", "driver_version", "gpu_bus_id", "index", "pci.bus_id", "timestamp"}
"""Columns that nvidia-smi's tables often have besides."""


def recognizes(text: str) -> bool:
    """Return whether the first line names columns of nvidia-smi, a device's name among them."""
    columns = [_COLUMN.fullmatch(each) for each in next(_rows(text), [])]
    names = {each[1] for each in columns if each}
    return all(columns) and not names.isdisjoint({"name", "gpu_name"}) and len(names & (_FIELDS.keys() | _OTHERS)) > 1


def parse(text: str) -> Capture:
    """Return the devices and the driver that a text tells of.

    Raises:
        CaptureError: A line has other columns than the first, or there is no other.
    """
    header, *lines = _rows(text)
    if not lines:
        raise truncated(_LAYOUT, "after its header")
    for number, values in enumerate(lines, 1):
        if len(values) != len(header):
            raise truncated(_LAYOUT, f"within line {number + 1}, which has {len(values)} of {len(header)} columns")
    tables = [dict(map(_cell, header, values)) for values in lines]
    return Capture(
        accelerators=tuple(starmap(_accelerator, enumerate(tables))),
        software={"nvidia_driver": next((version(each.get("driver_version")) for each in tables), None)},
    )


def _rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of every line; nvidia-smi quotes none."""
    for line in text.lstrip("\ufeff").splitlines():
        if line.strip():
            yield [cell.strip() for cell in line.split(",")]


def _cell(column: str, value: str) -> tuple[str, str]:
    """Return a column without its unit, and the value with it: `nounits` leaves it to the header."""
    found = _COLUMN.fullmatch(column)
    name, unit = (found[1], found[2]) if found else (column, None)
    return name, f"{value} {unit}" if unit and value.replace(".", "").isdecimal() else value


def _accelerator(position: int, cells: dict[str, str]) -> Accelerator:
    index = cells.get("index", "")
    fields: dict[str, Any] = {_FIELDS[column]: value for column, value in cells.items() if column in _FIELDS}
    return PrintedDevice(**fields).accelerator(int(index) if index.isdecimal() else position)


FORMAT = Format(name=_LAYOUT, recognizes=recognizes, parse=parse)
