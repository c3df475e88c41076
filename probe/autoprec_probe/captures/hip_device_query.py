"""What a device query through HIP prints: `[GPU 0] …` lines, or the blocks of ROCm's `hipInfo`.

Sources: thamada/gls, `gls/MI300X_deviceQuery.py`; ROCm/hip-tests, `samples/1_Utils/hipInfo`.
"""

import re

from autoprec_probe.amd.smi import device_uuid
from autoprec_probe.amd.targets import VENDOR, architecture_of
from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import Accelerator

_WHAT = "HIP device query"
_COUNT = re.compile(r"^Found (\d+) devices?", re.MULTILINE)
_TARGET = r"(gfx[0-9a-f]+)(?::\S*)?"
_BLOCK = re.compile(r"^device#\s+(\d+)\s*$", re.MULTILINE)
_UNITS = {"MB": 2**20, "GB": 2**30}


def recognizes(text: str) -> bool:
    """Whether a device names its compiler target the way these tools do."""
    return re.search(rf"^\[GPU \d+\] {_TARGET}: AMD GCN Arch|^gcnArchName:\s", text, re.MULTILINE) is not None


def parse(text: str) -> Capture:
    """Return the devices."""
    devices = _of_blocks(text) if _BLOCK.search(text) else _of_lines(text)
    promised = _COUNT.search(text)
    if promised and int(promised[1]) != len(devices):
        raise CaptureError(
            f"The text of {_WHAT} is truncated: it found {promised[1]} devices and tells {len(devices)}."
        )
    return Capture(accelerators=devices)


def _of_lines(text: str) -> tuple[Accelerator, ...]:
    lines: dict[int, list[str]] = {}
    for index, line in re.findall(r"^\[GPU (\d+)\] (.*?)\s*$", text, re.MULTILINE):
        lines.setdefault(int(index), []).append(line)
    return tuple(_of_device(index, lines[index]) for index in sorted(lines))


def _of_device(index: int, lines: list[str]) -> Accelerator:
    """Read one device: its name, then lines of a value and what it is."""
    told = {what: value for value, _, what in (line.partition(": ") for line in lines[1:])}
    target = re.match(_TARGET, told.get("AMD GCN Arch Name", ""))
    if target is None:
        raise CaptureError(f"The text of {_WHAT} is truncated or garbled: device {index} tells no target (gfx…).")
    memory, cores = (
        told.get(what, "") for what in ("Total Global Memory (MB)", "Number of multi-processors(Compute Units: CUs)")
    )
    return Accelerator(
        kind="cuda",
        index=index,
        vendor=VENDOR,
        name=lines[0],
        uuid=device_uuid(told.get("UUID of this device")),
        architecture=architecture_of(target[1]),
        gfx_target=target[1],
        memory_total_bytes=int(memory) * 2**20 if memory.isdecimal() else None,
        cores=int(cores) if cores.isdecimal() else None,
    )


def _of_blocks(text: str) -> tuple[Accelerator, ...]:
    parts = _BLOCK.split(text)[1:]
    return tuple(_of_block(int(index), block) for index, block in zip(parts[::2], parts[1::2], strict=True))


def _of_block(index: int, block: str) -> Accelerator:
    facts = dict(re.findall(r"^(\w+):\s+(.*?)\s*$", block, re.MULTILINE))
    target = re.match(_TARGET, facts.get("gcnArchName", ""))
    if target is None:
        raise CaptureError(
            f"The text of {_WHAT} is truncated or garbled: device {index} tells no target (gcnArchName)."
        )
    memory = re.match(r"([\d.]+) (MB|GB)", facts.get("totalGlobalMem", ""))
    cores = facts.get("multiProcessorCount", "")
    return Accelerator(
        kind="cuda",
        index=index,
        vendor=VENDOR,
        name=facts.get("Name"),
        architecture=architecture_of(target[1]),
        gfx_target=target[1],
        memory_total_bytes=int(float(memory[1]) * _UNITS[memory[2]]) if memory else None,
        cores=int(cores) if cores.isdecimal() else None,
    )


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
