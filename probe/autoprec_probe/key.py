"""The short stable name of a machine's device, under which results are kept and found again.

A key holds what decides speed and nothing that differs between two equal machines: no serial number, no host name, no
driver version, no number of devices.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autoprec_probe.errors import DeviceNotFoundError
from autoprec_probe.features import instruction_family

if TYPE_CHECKING:
    from autoprec_probe.candidate import Device
    from autoprec_probe.profile import Accelerator, Cpu, HardwareProfile

SLICE_SUFFIX = "-mig"
"""What comes behind the key of a partitioned accelerator, followed by the slice where it is known."""

RANKED_FEATURES = {
    "x86": ("amx_fp16", "amx_bf16", "avx512_fp16", "avx512_bf16", "avx512f", "avx2"),
    "arm": ("bf16", "asimdhp"),
}
"""Best first: which of its features names a processor."""


def hardware_key(profile: HardwareProfile, device: Device) -> str:
    """Return the key of `device`, such as `nvidia-h100-80gb-hbm3` or `cpu-x86-avx512_bf16-2c`.

    Raises:
        DeviceNotFoundError: The machine has no readable device of this kind.
    """
    return _cpu_key(profile.cpu) if device == "cpu" else _accelerator_key(readable_device(profile, device))


def readable_device(profile: HardwareProfile, device: Device) -> Accelerator:
    """Return the first device of a kind that could be read.

    Raises:
        DeviceNotFoundError: There is none; the message names what could not be read, and why.
    """
    present = [each for each in profile.accelerators if each.kind == device]
    readable = next((each for each in present if each.error is None), None)
    if readable is not None:
        return readable
    errors = "; ".join(f"{each.vendor} device {each.index}: {each.error}" for each in present)
    why = f"The {device!r} device of this machine could not be read ({errors})" if errors else f"No {device!r} device"
    here = ", ".join(dict.fromkeys(["cpu", *(each.kind for each in profile.accelerators if each.error is None)]))
    raise DeviceNotFoundError(f"{why}. Devices here: {here}.")


def _cpu_key(cpu: Cpu) -> str:
    family = instruction_family(cpu.architecture)
    feature = next((name for name in RANKED_FEATURES.get(family, ()) if name in cpu.features), "base")
    cores = cpu.usable_cores or cpu.logical_cores
    return f"cpu-{family}-{feature}" + (f"-{cores}c" if cores else "")


def _accelerator_key(accelerator: Accelerator) -> str:
    key = device_key(accelerator.vendor, accelerator.name or accelerator.architecture or "unknown")
    return f"{key}{_slice_suffix(accelerator)}" if accelerator.partitioned else key


def _slice_suffix(accelerator: Accelerator) -> str:
    """Return what a workload gets of a partitioned device: the first slice, such as `-mig-1g.10gb`."""
    profile = next((each.name for each in accelerator.slices), None)
    return f"{SLICE_SUFFIX}-{_slug(profile)}" if profile else SLICE_SUFFIX


def device_key(vendor: str, name: str) -> str:
    """Return the key of a whole accelerator that its driver calls by this name."""
    maker, model = _slug(vendor), _slug(name)
    return model if model.startswith(f"{maker}-") else f"{maker}-{model}"


def _slug(text: str) -> str:
    """Return a name in lower case, its words joined by hyphens: drivers differ in spelling, and keys go into URLs."""
    plain = re.sub(r"\((r|tm|c)\)", " ", text.lower())
    return re.sub(r"[^a-z0-9_.]+", "-", plain).strip("-")
