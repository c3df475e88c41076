"""Which Gaudi accelerators a machine has, from the PCI bus, and what `hl-smi` prints.

Sources: Intel's habanalabs driver, `include/uapi` and `common/habanalabs_drv.c` (PCI ids); Intel, "System Management
Interface Tool (hl-smi)" (queries).
"""

import csv
import re

from autoprec_probe.pci import pci_devices
from autoprec_probe.profile import Accelerator
from autoprec_probe.reader import Reader

PCI_VENDOR = 0x1DA3
VENDOR = "Intel"
_HL_SMI = ("hl-smi", "-Q", "index,uuid,name,memory.total", "-f", "csv,noheader")
_COLUMNS = ("index", "uuid", "name", "memory.total [MiB]")

GENERATIONS_BY_ID: dict[int, str] = {
    0x1000: "gaudi",
    0x1001: "gaudi",
    0x1010: "gaudi",
    0x1011: "gaudi",
    0x1020: "gaudi2",
    0x1021: "gaudi2",
    0x1060: "gaudi3",
    0x1061: "gaudi3",
    0x1062: "gaudi3",
    0x1063: "gaudi3",
}
_GENERATIONS_BY_NAME = (("HL-3", "gaudi3"), ("HL-22", "gaudi2"), ("HL-28", "gaudi2"), ("HL-20", "gaudi"))
"""Beginnings of the names that hl-smi gives the boards: HL-205, HL-225, HL-288, HL-325L."""


def detect_gaudi(reader: Reader) -> tuple[Accelerator, ...]:
    """Return the accelerators on the bus; hl-smi is asked for names and memory where there is one."""
    found = [GENERATIONS_BY_ID.get(each.device) for each in pci_devices(reader, PCI_VENDOR)]
    answer = reader.command(*_HL_SMI) if found else None
    told = devices_of_rows(
        list(csv.DictReader((answer or "").splitlines(), fieldnames=_COLUMNS, skipinitialspace=True))
    )
    if len(told) == len(found):
        return told
    return tuple(_device(index, generation) for index, generation in enumerate(found))


def _device(index: int, generation: str | None) -> Accelerator:
    name = None if generation is None else generation.upper()
    return Accelerator(kind="hpu", index=index, vendor=VENDOR, name=name, architecture=generation)


def devices_of_rows(rows: list[dict[str, str]]) -> tuple[Accelerator, ...]:
    """Return the devices for rows of `hl-smi -Q … -f csv`, by the columns that hl-smi prints."""
    return tuple(_of_row(position, row) for position, row in enumerate(rows))


def _of_row(position: int, row: dict[str, str]) -> Accelerator:
    name = row.get("name")
    index = row.get("index") or ""
    memory = re.match(r"\d+", row.get("memory.total [MiB]") or "")
    return Accelerator(
        kind="hpu",
        index=int(index) if index.isdecimal() else position,
        vendor=VENDOR,
        name=name,
        uuid=row.get("uuid"),
        architecture=generation_of(name),
        memory_total_bytes=int(memory[0]) * 2**20 if memory else None,
    )


def generation_of(name: str | None) -> str | None:
    """Return the generation of a board such as `HL-225`."""
    return next((found for begin, found in _GENERATIONS_BY_NAME if (name or "").startswith(begin)), None)
