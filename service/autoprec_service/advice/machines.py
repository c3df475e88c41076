"""What is known of the hardware that is asked about, and of that on which something was measured."""

from dataclasses import dataclass
from functools import lru_cache

from autoprec_probe.candidate import Candidate, Device
from autoprec_probe.catalog import profile_from_key
from autoprec_probe.errors import CatalogError, ForeignPrecisionError
from autoprec_probe.profile import HardwareProfile
from autoprec_probe.support import Support, support
from autoprec_runner.errors import PredictionError
from autoprec_runner.prediction.machine import machine_for
from autoprec_runner.prediction.rates import Rates

_LEAST, _MOST = 1e-12, 1e15
"""Between which a rate, a size or a time is taken for one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownMachine:
    """A device by its hardware key, with its profile and rates as far as they are known."""

    key: str
    device: Device
    profile: HardwareProfile | None
    """None where no catalogue knows the key and nobody told more."""
    rates: Rates | None
    is_itself: bool = False
    """Whether the profile is that of a machine that was looked at, so that its software is known, too."""

    def verdict(self, candidate: Candidate) -> Support | None:
        """Return whether a candidate runs here; None where nobody can tell: unknown hardware, or a plugin's string."""
        if self.profile is None:
            return None
        try:
            return support(candidate, self.profile, self.device)
        except ForeignPrecisionError:
            return None


def machine_of(profile: HardwareProfile, key: str) -> KnownMachine:
    """Return the device of a profile that has this key."""
    return KnownMachine(
        key=key,
        device=device_with(profile, key),
        profile=profile,
        rates=_rates(key, profile),
        is_itself=True,
    )


@lru_cache(maxsize=4096)
def machine_by_key(key: str) -> KnownMachine:
    """Return what a key alone tells; nothing is guessed for one that is in no catalogue."""
    try:
        profile = profile_from_key(key)
    except CatalogError:
        return KnownMachine(key=key, device="cpu" if key.startswith("cpu-") else "cuda", profile=None, rates=None)
    return KnownMachine(key=key, device=device_with(profile, key), profile=profile, rates=_rates(key, profile))


def keys_of(profile: HardwareProfile) -> dict[str, Device]:
    """Return the keys of everything in a profile that a workload can run on, that of its default device first."""
    readable = (each.kind for each in profile.accelerators if each.error is None)
    devices: dict[Device, None] = dict.fromkeys([profile.default_device, *readable, "cpu"])
    return {profile.key_for(each): each for each in devices}


def device_with(profile: HardwareProfile, key: str) -> Device:
    """Return the device of a profile that has this key, else its default one."""
    return keys_of(profile).get(key, profile.default_device)


def _rates(key: str, profile: HardwareProfile) -> Rates | None:
    """Return how fast a device is; None where that is not known, or where what a profile tells cannot be true."""
    try:
        rates = machine_for(key, profile).rates
    except (CatalogError, PredictionError):
        return None
    told = (*rates.tflops.values(), *(figure for pair in rates.copies for figure in pair))
    starts = (rates.launch_seconds, *rates.product_launch_seconds.values())
    figures = (*told, *(each for each in starts if each is not None))
    return rates if all(_LEAST < each < _MOST for each in figures) else None
