"""Which of Intel's GPUs a machine has, from the PCI bus, and what `xpu-smi` prints.

A mainline kernel does not tell how much memory a card has; Intel's own builds of its driver do (`lmem_total_bytes`),
and so does xpu-smi, which is asked only where there is a card.
"""

import json
from typing import Any

from autoprec_probe.errors import CaptureError
from autoprec_probe.intel.gpu_models import MODELS, PCI_VENDOR, VENDOR, architecture_of
from autoprec_probe.pci import PciDevice, pci_devices
from autoprec_probe.profile import Accelerator
from autoprec_probe.reader import Reader

_XPU_SMI = ("xpu-smi", "discovery", "-j")


def detect_intel_gpus(reader: Reader) -> tuple[Accelerator, ...]:
    """Return the GPUs that PyTorch has kernels for, in the order of their addresses.

    Older graphics inside processors are left out: torch cannot use them.
    """
    found = [device for device in pci_devices(reader, PCI_VENDOR) if device.device in MODELS]
    memory = _memory_by_address(reader) if found else {}
    return tuple(_gpu(reader, index, device, memory.get(device.address)) for index, device in enumerate(found))


def _gpu(reader: Reader, index: int, device: PciDevice, memory: int | None) -> Accelerator:
    architecture, name = MODELS[device.device]
    return Accelerator(
        kind="xpu",
        index=index,
        vendor=VENDOR,
        name=name,
        architecture=architecture,
        memory_total_bytes=memory or _local_memory_bytes(reader, device),
    )


def _local_memory_bytes(reader: Reader, device: PciDevice) -> int | None:
    cards = (name for name in reader.list_directory(f"{device.folder}/drm") or () if name.startswith("card"))
    texts = (reader.read_text(f"{device.folder}/drm/{card}/lmem_total_bytes") for card in cards)
    return next((int(text) for text in texts if text is not None and text.strip().isdecimal()), None)


def _memory_by_address(reader: Reader) -> dict[str, int]:
    answer = reader.command(*_XPU_SMI)
    if not answer:
        return {}
    entries = _device_list(json.loads(answer))
    return {str(each.get("pci_bdf_address")): size for each in entries if (size := _memory(each)) is not None}


def devices_of_xpu_smi(answer: Any) -> tuple[Accelerator, ...]:
    """Return the devices in the JSON of `xpu-smi discovery -j`.

    Raises:
        CaptureError: It is not that JSON.
    """
    return tuple(_of_xpu_smi(index, each) for index, each in enumerate(_device_list(answer)))


def _device_list(answer: Any) -> list[dict[str, Any]]:
    entries = answer.get("device_list") if isinstance(answer, dict) else None
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise CaptureError("The JSON of xpu-smi discovery is garbled: it has a device_list of objects.")
    return entries


def _of_xpu_smi(index: int, entry: dict[str, Any]) -> Accelerator:
    name = entry.get("device_name")
    device = str(entry.get("pci_device_id", "")).removeprefix("0x")
    try:
        architecture = MODELS.get(int(device, 16), (None, None))[0]
    except ValueError:
        architecture = None
    return Accelerator(
        kind="xpu",
        index=index,
        vendor=VENDOR,
        name=None if name is None else str(name),
        uuid=None if entry.get("uuid") is None else str(entry["uuid"]),
        architecture=architecture or architecture_of(name),
        memory_total_bytes=_memory(entry),
    )


def _memory(entry: dict[str, Any]) -> int | None:
    text = str(entry.get("memory_physical_size_byte", ""))
    return int(text) if text.isdecimal() else None
