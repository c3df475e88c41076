"""Which of a machine's NVIDIA devices and slices a workload sees: CUDA_VISIBLE_DEVICES.

Sources: NVIDIA, "CUDA C++ Programming Guide", CUDA Environment Variables; NVIDIA, "Multi-Instance GPU User Guide",
Device Enumeration.
"""

from collections.abc import Callable

from autoprec_probe.profile import Accelerator


def visible(
    accelerators: tuple[Accelerator, ...],
    environment: Callable[[str], str | None],
) -> tuple[Accelerator, ...]:
    """Return the devices that a workload sees, in its order; where it is given a slice, only that one is left.

    As for CUDA, the list ends before the first word that names no device. A device that cannot be read stays: nobody
    knows whether it would be seen. Numbers count in CUDA's order, which is that of the PCI addresses where
    CUDA_DEVICE_ORDER says so or all devices are alike; elsewhere numbers tell nothing, and all devices stay.

    Args:
        accelerators: What the driver tells, in the order of the PCI addresses.
        environment: Returns an environment variable, None where it is not set.
    """
    text = environment("CUDA_VISIBLE_DEVICES")
    if text is None or (_has_numbers(text) and not _in_pci_order(accelerators, environment)):
        return accelerators
    seen: dict[int, Accelerator] = {}
    for word in text.split(","):
        device = _named(word.strip(), accelerators)
        if device is None:
            break
        seen.setdefault(device.index, device)
    unreadable = {each.index: each for each in accelerators if each.error is not None}
    return tuple((seen | {index: each for index, each in unreadable.items() if index not in seen}).values())


def _has_numbers(text: str) -> bool:
    return any(word.strip().isdecimal() for word in text.split(","))


def _in_pci_order(accelerators: tuple[Accelerator, ...], environment: Callable[[str], str | None]) -> bool:
    alike = len({each.name for each in accelerators if each.error is None}) <= 1
    return alike or environment("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"


def _named(word: str, accelerators: tuple[Accelerator, ...]) -> Accelerator | None:
    """Return the device of one word: a number, or the beginning of the UUID of a device or of a slice."""
    if word.isdecimal():
        return next((each for each in accelerators if each.index == int(word)), None)
    if word.startswith("MIG-GPU-"):  # until driver 470: the device's UUID and two numbers that it does not tell
        return _by_uuid(word.removeprefix("MIG-").partition("/")[0], accelerators)
    if word.startswith("MIG-"):
        return next((cut for each in accelerators if (cut := _cut(each, word)).slices), None)
    return _by_uuid(word, accelerators) if word.startswith("GPU-") else None


def _by_uuid(beginning: str, accelerators: tuple[Accelerator, ...]) -> Accelerator | None:
    return next((each for each in accelerators if (each.uuid or "").startswith(beginning)), None)


def _cut(accelerator: Accelerator, beginning: str) -> Accelerator:
    """Return a device with no slice but the one of this UUID."""
    slices = tuple(each for each in accelerator.slices if (each.uuid or "").startswith(beginning))
    return accelerator.model_copy(update={"slices": slices})
