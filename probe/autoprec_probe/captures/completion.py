"""What follows from what a capture tells of an NVIDIA device."""

from collections.abc import Callable

from autoprec_probe.nvidia import ARCHITECTURES
from autoprec_probe.profile import Accelerator

Capability = tuple[int, int]


def complete(accelerator: Accelerator, capability_of: Callable[[str], Capability | None]) -> Accelerator:
    """Return a device with its compute capability, where its name or its architecture tells it, and what follows.

    Args:
        accelerator: A device of any vendor; one that could not be read, or whose capability is told, stays as it is.
        capability_of: Returns the capability of the device of exactly this name, None where it is not known.
    """
    if accelerator.vendor != "NVIDIA" or accelerator.error or accelerator.compute_capability:
        return accelerator
    capability = _by_name(accelerator, capability_of) or _of_family(accelerator.architecture)
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
    agree = known is None or _family(known) == _family(accelerator.architecture)
    return capability if agree else None


def _of_family(architecture: str | None) -> Capability | None:
    """Return the capability of an architecture that has only one, as Turing has and Ampere has not."""
    found = [capability for capability, name in ARCHITECTURES.items() if _family(name) == architecture]
    return found[0] if len(found) == 1 else None


def _family(architecture: str) -> str:
    """Return an architecture as NVIDIA's tools print it: they have one Blackwell for all of 10.x to 12.x."""
    return architecture.partition("-")[0]
