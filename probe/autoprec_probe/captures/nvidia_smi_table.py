"""The table that plain `nvidia-smi` prints, or what it says instead of one."""

import re
from dataclasses import replace
from itertools import takewhile

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.captures.completeness import truncated
from autoprec_probe.captures.printed_device import PrintedDevice, mebibytes, version
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import Slice

_LAYOUT = "nvidia-smi"
_HEADER = re.compile(
    r"^\|\s*NVIDIA-SMI\s+\S+.*?(?:Driver|KMD) Version:\s*(\S+)(?:.*?CUDA (?:UMD )?Version:\s*(\S+))?", re.MULTILINE
)
_FAILURE = re.compile(
    r"^(?:NVIDIA-SMI has failed|NVIDIA-SMI couldn't|Failed to initialize NVML|No devices were found"
    r"|Unable to determine the device handle).*",
    re.MULTILINE,
)
_OTHER_LAYOUTS = ("NVSMI LOG", "<nvidia_smi_log")
_DEVICE = re.compile(r"^\|\s+(\d+)\s+(\S.*?)\s+\S+\s*\|\s*[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.\d\s")
_MEMORY = re.compile(r"\|[^|]*?(\d+MiB)\s*/\s*(\d+MiB)[^|]*\|")
_POWER = re.compile(r"/\s*(\d+W)\s*\|")
_MIG = re.compile(r"\|\s*(Enabled|Disabled|N/A)\*?\s*\|\s*$")
_SLICE = re.compile(r"^\|\s*(\d+)\s+\d+\s+\d+\s+\d+\s*\|\s*\d+MiB\s*/\s*(\d+MiB)")


def recognizes(text: str) -> bool:
    """Return whether a text has the table's header, or one of the errors that stand in its place."""
    failed = _FAILURE.search(text) is not None and not any(mark in text for mark in _OTHER_LAYOUTS)
    return failed or _HEADER.search(text) is not None


def parse(text: str) -> Capture:
    """Return the devices and the driver that a text tells of; a name that the table cuts off is unknown.

    Raises:
        CaptureError: It is truncated, or nvidia-smi itself failed.
    """
    header, failure = _HEADER.search(text), _FAILURE.search(text)
    if header is None:
        raise CaptureError(
            f"nvidia-smi failed on that machine: {failure[0].strip()[:200]!r}. Mend its driver and capture it anew."
            if failure
            else f"This output of {_LAYOUT} has no header: give the whole of it.",
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    printed = _printed(lines)
    if not lines[-1].startswith("+"):
        raise truncated(_LAYOUT, f"after the line {lines[-1][:60]!r}")
    return Capture(
        accelerators=tuple(device.accelerator(index) for index, device in printed.items()),
        software={"nvidia_driver": version(header[1]), "cuda_driver": version(header[2])},
    )


def _printed(lines: list[str]) -> dict[int, PrintedDevice]:
    """Return the devices by their number."""
    devices: dict[int, PrintedDevice] = {}
    for number, line in enumerate(lines):
        if found := _DEVICE.match(line):
            rows = list(takewhile(lambda row: row.startswith("|"), lines[number:]))
            if len(rows) == 1:
                raise truncated(_LAYOUT, f"within GPU {found[1]}")
            devices[int(found[1])] = _device(found[2], " \n".join(rows))
        elif (part := _SLICE.match(line)) and int(part[1]) in devices:
            whole = devices[int(part[1])]
            slices = (*whole.slices, Slice(memory_total_bytes=mebibytes(part[2])))
            devices[int(part[1])] = replace(whole, slices=slices)
    return devices


def _device(name: str, rows: str) -> PrintedDevice:
    memory, power, mig = _MEMORY.search(rows), _POWER.search(rows), _MIG.search(rows)
    return PrintedDevice(
        name=None if name.endswith("...") else name,
        memory_total=memory[2] if memory else None,
        power_limit=power[1] if power else None,
        mig_mode=mig[1] if mig else None,
    )


FORMAT = Format(name=_LAYOUT, recognizes=recognizes, parse=parse)
