"""Looks at the machine: often at what it is doing, rarely at what it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from autoprec_probe.agent.clock import Clock
from autoprec_probe.agent.reader import AgentReader
from autoprec_probe.detect import probe
from autoprec_probe.profile import HardwareProfile
from autoprec_probe.reader import Reader
from autoprec_probe.telemetry import Telemetry, read_telemetry

PROFILE_SECONDS = 300.0
"""How often the whole profile is read again; a device that comes, goes or fails is noticed at the next look."""

_LONGEST_ERROR = 2000
_Fact = TypeVar("_Fact")
_Devices = tuple[tuple[str, int, str | None, str | None], ...]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one look has found; `profile` is None where it is what the look before told."""

    profile: HardwareProfile | None = None
    telemetry: Telemetry | None = None
    error: str | None = None


class Observer:
    """Tells what has changed since the last look. Nothing that the machine does makes a look fail."""

    def __init__(
        self,
        clock: Clock,
        *,
        reader: Callable[[], Reader] = AgentReader,
        with_uuids: bool = False,
        profile_seconds: float = PROFILE_SECONDS,
    ) -> None:
        self._clock = clock
        self._reader = reader
        self._live_reader = reader()
        self._with_uuids = with_uuids
        self._profile_seconds = profile_seconds
        self._told: HardwareProfile | None = None
        self._devices: _Devices | None = None
        self._profile_due = self._forgotten_until = clock.monotonic()

    def look(self) -> Look:
        """Return the live values, and the profile where it is new."""
        errors: list[str] = []
        telemetry = _attempt("telemetry", lambda: read_telemetry(self._live_reader), errors)
        profile = self._new_profile(_devices(telemetry), errors)
        return Look(profile=profile, telemetry=self._shown(telemetry), error="; ".join(errors)[:_LONGEST_ERROR] or None)

    def forget(self) -> None:
        """Tell the profile again: at the next look, or when it is due where that was asked a short while ago.

        A service that refuses the profile would otherwise ask for it, and get it, at every look.
        """
        self._told = None
        if self._clock.monotonic() >= self._forgotten_until:
            self._profile_due = self._clock.monotonic()
            self._forgotten_until = self._profile_due + self._profile_seconds

    def _new_profile(self, devices: _Devices | None, errors: list[str]) -> HardwareProfile | None:
        """Read the profile where it is due or a device came, went, failed or recovered; return it where it is new."""
        if devices == self._devices and self._clock.monotonic() < self._profile_due:
            return None
        self._devices = devices
        self._profile_due = self._clock.monotonic() + self._profile_seconds
        # A reader keeps what the driver once told, so it is a new one.
        profile = _attempt("profile", lambda: self._settled(probe(self._reader())), errors)
        if profile is None or profile == self._told:
            return None
        self._told = profile
        return profile

    def _settled(self, profile: HardwareProfile) -> HardwareProfile:
        """Return the profile without what changes from one look to the next."""
        settled = profile.without_live_values()
        return settled if self._with_uuids else settled.without_identity()

    def _shown(self, telemetry: Telemetry | None) -> Telemetry | None:
        if telemetry is None or self._with_uuids:
            return telemetry
        devices = tuple(each.model_copy(update={"uuid": None}) for each in telemetry.accelerators)
        return telemetry.model_copy(update={"accelerators": devices})


def _devices(telemetry: Telemetry | None) -> _Devices | None:
    """Return what identifies the devices and tells whether they can be read."""
    if telemetry is None:
        return None
    return tuple((each.kind, each.index, each.uuid, each.error) for each in telemetry.accelerators)


def _attempt(what: str, read: Callable[[], _Fact], errors: list[str]) -> _Fact | None:
    """Return what `read` returns, or None and its error: drivers fail in ways that no list foresees."""
    try:
        return read()
    except Exception as e:  # noqa: BLE001 (whatever it is, it is reported, and the next look tries again)
        errors.append(f"{what}: {type(e).__name__}: {e}")
        return None
