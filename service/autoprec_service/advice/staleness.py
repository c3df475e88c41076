"""Whether something was measured under the software that counts: other versions round, choose kernels and fail anew."""

from collections.abc import Mapping
from typing import Final

from autoprec_probe.profile import HardwareProfile

Versions = Mapping[str, str | None]
"""Versions by the name of a package, or of a driver."""

DRIVERS: Final = ("nvidia-driver", "rocm")
DECISIVE: Final = ("torch", "bitsandbytes", "deepspeed", "torch-xla", "torchao", "transformer-engine", *DRIVERS)
"""What decides how a precision runs: PyTorch, the libraries that precisions come from, and drivers."""


def versions_of(profile: HardwareProfile) -> dict[str, str | None]:
    """Return the decisive versions of a machine that was looked at."""
    software = profile.software
    drivers = {"nvidia-driver": software.nvidia_driver, "rocm": software.rocm}
    return {name: {**software.packages, **drivers}.get(name) for name in DECISIVE}


def differences(measured: Versions, asked: Versions) -> tuple[str, ...]:
    """Return what differs, as `torch 2.9.0 instead of 2.13.0`; what one side does not know does not differ."""
    pairs = ((name, measured.get(name), asked.get(name)) for name in DECISIVE)
    return tuple(f"{name} {old} instead of {new}" for name, old, new in pairs if old and new and old != new)
