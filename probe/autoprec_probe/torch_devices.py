"""NVIDIA's devices as torch tells them, for containers that have the devices and not NVIDIA's management library.

torch is asked in a child process and never loaded into this one.
"""

from pydantic import TypeAdapter, ValidationError

from autoprec_probe.cuda_device import CudaDevice
from autoprec_probe.errors import ReaderError
from autoprec_probe.profile import Accelerator
from autoprec_probe.reader import Reader

SCRIPT = """
import json, torch
cuda = torch.cuda if torch.version.hip is None and torch.cuda.is_available() else None
print(json.dumps([
    {
        "index": index,
        "name": each.name,
        "capability": [each.major, each.minor],
        "memory_bytes": each.total_memory,
        "multiprocessors": each.multi_processor_count,
        "uuid": f"GPU-{each.uuid}" if hasattr(each, "uuid") else None,
    }
    for index, each in enumerate(map(cuda.get_device_properties, range(cuda.device_count())))
] if cuda else []))
"""
"""A torch built for ROCm shows AMD's devices as CUDA's: they are left to the detection of AMD's."""

_SHARED_CHIPS = {"nvhost-gpu", "nvgpu"}
"""Device files of NVIDIA's devices that share a chip with their processor."""

_DEVICES = TypeAdapter(tuple[CudaDevice, ...])


def detect_through_torch(reader: Reader) -> tuple[Accelerator, ...]:
    """Return what torch tells, if there is a device file and torch is installed; else nothing, at no cost.

    A torch that does not answer is one entry with its error, because there is a device file.
    """
    if not _has_device_file(reader) or reader.package_version("torch") is None:
        return ()
    try:
        devices = _DEVICES.validate_json(reader.python(SCRIPT) or "")
    except ReaderError as error:
        return (_unreadable(str(error)),)
    except ValidationError:
        return (_unreadable("it ended with an error, or printed something else"),)
    return tuple(each.accelerator() for each in devices)


def _has_device_file(reader: Reader) -> bool:
    """Tell by /dev alone: /proc/driver/nvidia is the host's and shows in containers without devices, too."""
    return any(
        name in _SHARED_CHIPS or (name.startswith("nvidia") and name.removeprefix("nvidia").isdecimal())
        for name in reader.list_directory("/dev") or ()
    )


def _unreadable(why: str) -> Accelerator:
    error = f"NVIDIA's management library is not here, and torch in a child process did not tell: {why}"
    return Accelerator(kind="cuda", index=0, vendor="NVIDIA", error=error)
