"""The text of `deviceQuery`, one of NVIDIA's CUDA samples."""

import re

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.captures.completeness import require_devices, truncated
from autoprec_probe.cuda_device import CudaDevice
from autoprec_probe.errors import CaptureError

_LAYOUT = "deviceQuery"
_DEVICE = re.compile(r'^Device (\d+): "(.*)"\s*$', re.MULTILINE)
_ANNOUNCED = re.compile(
    r"^Detected (\d+) CUDA Capable device|^There (?:is|are) (\d+) devices? supporting CUDA", re.MULTILINE
)
_FAILURE = re.compile(r"^(?:->.*|There are no available device.*|There is no device supporting CUDA.*)", re.MULTILINE)
_RESULT = re.compile(r"^(?:Result = |\S*deviceQuery\S*, CUDA Driver = |Test )", re.MULTILINE)
_CAPABILITY = re.compile(r"CUDA Capability Major/Minor version number:\s*(\d+)\.(\d+)")
_MEMORY = re.compile(r"Total amount of global memory:.*?(\d+) bytes")
_MULTIPROCESSORS = re.compile(r"\(\s*(\d+)\)\s*Multiprocessors")
_DRIVER = re.compile(r"CUDA Driver Version(?: / Runtime Version)?\s*[:=]?\s+(\d+\.\d+)")


def recognizes(text: str) -> bool:
    """Return whether a text has a line that only this output has."""
    return "CUDA Device Query" in text or (_DEVICE.search(text) is not None and _CAPABILITY.search(text) is not None)


def parse(text: str) -> Capture:
    """Return the devices that a text tells of, as CUDA sees them.

    Raises:
        CaptureError: It is truncated, or deviceQuery itself failed.
    """
    _, *parts = _DEVICE.split(text)
    blocks = list(zip(parts[::3], parts[1::3], parts[2::3], strict=True))
    failure = _FAILURE.search(text)
    if failure and not blocks:
        raise CaptureError(f"deviceQuery failed on that machine: {failure[0].strip('-> ')!r}.")
    announced = _ANNOUNCED.search(text)
    if announced is None:
        raise truncated(_LAYOUT, "before the number of devices")
    require_devices(_LAYOUT, found=len(blocks), announced=int(announced[1] or announced[2]))
    devices = [_device(int(number), name, block, len(blocks)) for number, name, block in blocks]
    if _RESULT.search(blocks[-1][2] if blocks else text) is None:
        raise truncated(_LAYOUT, f"after GPU {len(blocks)} of {len(blocks)}, before its result")
    driver = _DRIVER.search(text)
    return Capture(
        accelerators=tuple(each.accelerator() for each in devices),
        software={"cuda_driver": driver[1] if driver else None},
    )


def _device(index: int, name: str, block: str, count: int) -> CudaDevice:
    capability, memory, units = _CAPABILITY.search(block), _MEMORY.search(block), _MULTIPROCESSORS.search(block)
    if capability is None:
        raise truncated(_LAYOUT, f"within GPU {index + 1} of {count}")
    return CudaDevice(
        index=index,
        name=name,
        capability=(int(capability[1]), int(capability[2])),
        memory_bytes=int(memory[1]) if memory else None,
        multiprocessors=int(units[1]) if units else None,
    )


FORMAT = Format(name=_LAYOUT, recognizes=recognizes, parse=parse)
