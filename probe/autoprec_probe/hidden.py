"""Which units a processor has by its name and yet does not show: hypervisors, kernels and firmware hide features."""

from autoprec_probe.cpu_models import PRECISION_UNITS
from autoprec_probe.profile import Cpu


def hidden_units(cpu: Cpu) -> frozenset[str]:
    """Return the units that every core of this name has and this machine does not show; nothing where no flag is told.

    What is hidden cannot be used: the flags decide, and this only tells why and what to do about it.
    """
    if not cpu.features:
        return frozenset()
    return PRECISION_UNITS.get(cpu.microarchitecture or "", frozenset()).difference(cpu.features)


def hider(cpu: Cpu) -> str:
    """Return who hides them, as a sentence names it."""
    return "the hypervisor" if cpu.hypervisor else "the kernel, the firmware or a hypervisor"
