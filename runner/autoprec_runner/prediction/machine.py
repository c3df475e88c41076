"""The machine that a prediction is for: this one, or one that is known by its hardware key alone (free of torch)."""

from dataclasses import dataclass

from autoprec_probe.candidate import Device
from autoprec_probe.catalog import accelerator_by_name, profile_from_key
from autoprec_probe.key import readable_device
from autoprec_probe.profile import HardwareProfile
from autoprec_runner.errors import PredictionError
from autoprec_runner.prediction.catalogue import catalogue_rates
from autoprec_runner.prediction.instruction_set import instruction_set_rates
from autoprec_runner.prediction.rates import Rates, measured_rates


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A profile, the device of it that is meant, and how fast that is."""

    profile: HardwareProfile
    device: Device
    rates: Rates

    @property
    def key(self) -> str:
        """The hardware key of the device."""
        return self.profile.key_for(self.device)


def machine_for(key: str, here: HardwareProfile) -> Machine:
    """Return the machine with a hardware key; rates measured here serve for a device of this machine.

    Raises:
        CatalogError: No machine has this key; the message names the nearest ones.
        PredictionError: Too little is known of how fast it is.
    """
    profile = here if key in _keys(here) else profile_from_key(key)
    device = _keys(profile).get(key, profile.default_device)
    rates = _rates(profile, device)
    if rates is None:
        raise PredictionError(
            f"How fast {key} is in fp32, or how fast its memory is, is in no catalogue row. Add one through "
            "AUTOPREC_CATALOG, or measure it there: autoprec probe --measure.",
        )
    return Machine(profile=profile, device=device, rates=rates)


def _keys(profile: HardwareProfile) -> dict[str, Device]:
    devices: dict[Device, None] = dict.fromkeys(
        ["cpu", *(each.kind for each in profile.accelerators if each.error is None)],
    )
    return {profile.key_for(each): each for each in devices}


def _rates(profile: HardwareProfile, device: Device) -> Rates | None:
    memory = _memory_bytes(profile, device)
    measured = measured_rates(profile.measured, device, memory_bytes=memory)
    if measured is not None:
        return measured
    if device == "cpu":
        return instruction_set_rates(profile.cpu)
    accelerator = readable_device(profile, device)
    facts = accelerator_by_name(accelerator.name or "", accelerator.vendor)
    return None if facts is None else catalogue_rates(facts, device)


def _memory_bytes(profile: HardwareProfile, device: Device) -> int | None:
    if device == "cpu":
        return profile.cpu.memory_limit_bytes or profile.cpu.memory_total_bytes
    return readable_device(profile, device).memory_total_bytes
