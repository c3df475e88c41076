"""What follows from what a capture tells of an NVIDIA device."""

from collections.abc import Callable

from autoprec_probe.nvidia import ARCHITECTURES, Capability, architecture_family, sole_capability
from autoprec_probe.profile import Accelerator


def complete(accelerator: Accelerator, capability_of: Callable[[str], Capability | None]) -> Accelerator:
    """Return a device with its compute capability, where its name or its architecture tells it, and what follows.

    Args:
        accelerator: A device of any vendor; one that could not be read, or whose capability is told, stays as it is.
        capability_of: Returns the capability of the device of exactly this name, None where it is not known.
    """
    if accelerator.vendor != "NVIDIA" or accelerator.error or accelerator.compute_capability:
        return accelerator
    capability = _by_name(accelerator, capability_of) or sole_capability(accelerator.architecture)
    if capability is None:
        return accelerator
    architecture = ARCHITECTURES.get(capability, accelerator.architecture)
    return accelerator.model_copy(update={"compute_capability": capability, "architecture": architecture})


def _by_name(accelerator: Accelerator, capability_of: Callable[[str], Capability | None]) -> Capability | None:
    """Return what the name tells, unless the driver printed another architecture: then the driver is right."""
    capability = None if accelerator.name is None else capability_of(accelerator.name)
    if capability is None or accelerator.architecture is None:
        return capability
    known = ARCHITECTURES.get(capability)
    agree = known is None or architecture_family(known) == architecture_family(accelerator.architecture)
    return capability if agree else None
