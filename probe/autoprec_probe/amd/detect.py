"""Which of AMD's devices a machine has."""

import json

from autoprec_probe.amd.kfd import detect_kfd
from autoprec_probe.amd.smi import devices_of_amd_smi, devices_of_rocm_smi
from autoprec_probe.amd.targets import NAMES_BY_ID, PCI_VENDOR, TARGETS_BY_ID, VENDOR, architecture_of
from autoprec_probe.pci import PciDevice, pci_devices
from autoprec_probe.profile import Accelerator
from autoprec_probe.reader import Reader

_AMD_SMI = ("amd-smi", "static", "--json")
_ROCM_SMI = ("rocm-smi", "--showid", "--showproductname", "--showuniqueid", "--showmeminfo", "vram", "--json")


def detect_amd(reader: Reader) -> tuple[Accelerator, ...]:
    """Return the devices that HIP lists, from the kernel's topology; where it hides it (WSL), from AMD's tools.

    A device that is on the bus and not in the driver's topology is an entry with its error.
    """
    return detect_kfd(reader) or _by_tools(reader) or _by_bus(reader)


def _by_tools(reader: Reader) -> tuple[Accelerator, ...]:
    """Ask amd-smi, then rocm-smi. Neither is installed where there is no device of AMD."""
    answer = reader.command(*_AMD_SMI)
    if answer:
        return devices_of_amd_smi(json.loads(answer))
    answer = reader.command(*_ROCM_SMI)
    return devices_of_rocm_smi(json.loads(answer)) if answer else ()


def _by_bus(reader: Reader) -> tuple[Accelerator, ...]:
    known = (device for device in pci_devices(reader, PCI_VENDOR) if device.device in TARGETS_BY_ID)
    return tuple(_without_driver(index, device) for index, device in enumerate(known))


def _without_driver(index: int, device: PciDevice) -> Accelerator:
    target = TARGETS_BY_ID[device.device]
    return Accelerator(
        kind="cuda",
        index=index,
        vendor=VENDOR,
        name=NAMES_BY_ID.get(device.device),
        architecture=architecture_of(target),
        gfx_target=target,
        error=f"the device at {device.address} is not in the topology of the driver (amdgpu with KFD)",
    )
