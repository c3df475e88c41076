"""What Gaudi's `hl-smi` prints: its table, or `hl-smi -Q name,uuid,memory.total -f csv` with its headline."""

import csv
import re

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.errors import CaptureError
from autoprec_probe.intel.gaudi import VENDOR, devices_of_rows, generation_of
from autoprec_probe.profile import Accelerator

_WHAT = "hl-smi"
_BOARD = re.compile(r"\bHL-\d{3}")
_TABLE_ROW = re.compile(r"^\|\s+(\d+)\s+(HL-\S+)\s", re.MULTILINE)
_TABLE_MEMORY = re.compile(r"\d+\s*MiB\s*/\s*(\d+)\s*MiB")


def recognizes(text: str) -> bool:
    """Whether it is this tool's table, or has a row of one of its boards."""
    return "HL-SMI Version" in text or (_BOARD.search(text) is not None and "name" in text.partition("\n")[0])


def parse(text: str) -> Capture:
    """Return the accelerators."""
    devices = _of_table(text) if "HL-SMI Version" in text else _of_csv(text)
    if not devices:
        raise CaptureError(f"The text of {_WHAT} is truncated: it names no device.")
    return Capture(system="Linux", accelerators=devices)


def _of_csv(text: str) -> tuple[Accelerator, ...]:
    rows = list(csv.DictReader(text.strip().splitlines(), skipinitialspace=True))
    if any(None in row or None in row.values() for row in rows):
        raise CaptureError(
            f"The CSV of {_WHAT} is truncated: a row has not as many values as the first line has names."
        )
    return devices_of_rows(rows)


def _of_table(text: str) -> tuple[Accelerator, ...]:
    rows, memory = _TABLE_ROW.findall(text), _TABLE_MEMORY.findall(text)
    if len(memory) != len(rows):
        raise CaptureError(f"The table of {_WHAT} is truncated: {len(rows)} devices, and the memory of {len(memory)}.")
    return tuple(
        Accelerator(
            kind="hpu",
            index=int(index),
            vendor=VENDOR,
            name=name,
            architecture=generation_of(name),
            memory_total_bytes=int(size) * 2**20,
        )
        for (index, name), size in zip(rows, memory, strict=True)
    )


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
