"""The text of `nvidia-smi -q`."""

import re
from collections.abc import Iterator

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.captures.completeness import require_devices, truncated
from autoprec_probe.captures.outline import Node
from autoprec_probe.captures.printed_device import PrintedDevice, lost_device, mebibytes, system_of, told, version
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import Accelerator, Slice

_LAYOUT = "nvidia-smi -q"
_BEGINNING = re.compile(r"^=+NVSMI LOG=+\s*$|^Attached GPUs\s*:|^GPU [0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:", re.MULTILINE)
_DEVICE = re.compile(r"GPU [0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.\d")
_LOST_DEVICE = "Unable to determine the device handle for "
_LAST_SECTIONS = ("Processes", "Compute Processes")
"""What ends a device, but for new sections; drivers before 340 have the latter."""


def recognizes(text: str) -> bool:
    """Return whether a text has a line that only this output has."""
    return _BEGINNING.search(text) is not None


def parse(text: str) -> Capture:
    """Return the devices and the driver that a text tells of.

    Raises:
        CaptureError: It lacks its beginning or its end, or something between.
    """
    log = Node.parse(text)
    attached = log.get("Attached GPUs")
    if attached is None or not attached.isdecimal():
        raise truncated(_LAYOUT, "at the line 'Attached GPUs', which is missing")
    devices = tuple(_devices(log))
    require_devices(_LAYOUT, found=len(devices), announced=int(attached))
    last = log.last()
    if last.value is None and devices:
        raise truncated(_LAYOUT, f"within the line {last.title[:60]!r} of GPU {len(devices)} of {attached}")
    return Capture(
        system=next(filter(None, (system_of(each.get("Driver Model", "Current")) for each in log.children)), None),
        accelerators=devices,
        software={
            "nvidia_driver": version(log.get("Driver Version") or log.get("KMD Version")),
            "cuda_driver": version(log.get("CUDA Version") or log.get("CUDA UMD Version")),
        },
    )


def _devices(log: Node) -> Iterator[Accelerator]:
    announced = log.get("Attached GPUs")
    listed = [each for each in log.children if _DEVICE.fullmatch(each.title) or each.title.startswith(_LOST_DEVICE)]
    for index, block in enumerate(listed):
        if block.title.startswith(_LOST_DEVICE):
            yield lost_device(index, f"{block.title}: {block.value}")
        else:
            _require_whole(block, f"GPU {index + 1} of {announced}")
            yield _printed(block).accelerator(index)


def _require_whole(block: Node, which: str) -> None:
    if not any(block.all(title) for title in _LAST_SECTIONS):
        raise truncated(_LAYOUT, f"within {which}")
    if block.get("Product Name") is None:
        raise CaptureError(f"This output of {_LAYOUT} is garbled: {which} has no 'Product Name'. Capture it anew.")


def _printed(block: Node) -> PrintedDevice:
    return PrintedDevice(
        name=block.get("Product Name"),
        uuid=block.get("GPU UUID"),
        architecture=block.get("Product Architecture"),
        memory_total=block.get("FB Memory Usage", "Total") or block.get("Memory Usage", "Total"),
        memory_free=block.get("FB Memory Usage", "Free") or block.get("Memory Usage", "Free"),
        mig_mode=block.get("MIG Mode", "Current"),
        power_limit=_power_limit(block),
        pcie_generation=block.get("PCI", "GPU Link Info", "PCIe Generation", "Max"),
        pcie_width=block.get("PCI", "GPU Link Info", "Link Width", "Max"),
        slices=tuple(_slice(each) for each in block.all("MIG Device")),
    )


def _power_limit(block: Node) -> str | None:
    """Return the limit that was asked for: older drivers call it the power limit, newer ones nest it."""
    sections = [*block.all("GPU Power Readings"), *block.all("Power Readings")]
    titles = ("Requested Power Limit", "Power Limit", "Current Power Limit")
    limits = (told(section.anywhere(title)) for section in sections for title in titles)
    return next(filter(None, limits), None)


def _slice(part: Node) -> Slice:
    total = part.get("FB Memory Usage", "Total") or part.get("Shared FB Memory Usage", "Total")
    return Slice(
        name=told(part.get("Name")),
        uuid=told(part.get("MIG UUID") or part.get("UUID")),
        memory_total_bytes=mebibytes(total),
    )


FORMAT = Format(name=_LAYOUT, recognizes=recognizes, parse=parse)
