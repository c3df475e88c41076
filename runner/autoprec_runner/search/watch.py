"""What the machine was like while contenders raced, and what their steps took from its meters."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from autoprec_probe import (
    DeviceTelemetry,
    EnergyReading,
    Reader,
    ReaderError,
    device_joules,
    host_joules,
    read_energy,
    read_telemetry,
)
from autoprec_probe.candidate import Device
from autoprec_runner.isolation.neighbours import CoreTimes, others_busy_cores
from autoprec_runner.search.contender import Contender
from autoprec_runner.trials.energy import RoundEnergy

Conditions = dict[str, str | int | float | None]

_CPU = "/sys/devices/system/cpu/cpu0"
_CLOCK_KHZ = f"{_CPU}/cpufreq/scaling_cur_freq"
_THROTTLED = f"{_CPU}/thermal_throttle/package_throttle_count"
"""How often the package was too hot since boot. Source: Linux, arch/x86/kernel/cpu/mce/therm_throt.c."""


@dataclass(kw_only=True)
class Watch:
    """Looks at the machine between the rounds of a race; what it does not tell is left out.

    Args:
        reader: The machine.
        device: What the steps run on.
        devices: How many of them.
    """

    reader: Reader
    device: Device
    devices: int = 1
    _began: CoreTimes = field(default_factory=CoreTimes.now)
    _seen: list[DeviceTelemetry] = field(default_factory=list)
    _foreign: list[int] = field(default_factory=list)
    _clocks_mhz: list[float] = field(default_factory=list)
    _loads: list[float] = field(default_factory=list)
    _throttled: list[int] = field(default_factory=list)

    def look(self, *, own_processes: int = 0) -> None:
        """Take what the machine tells now; `own_processes` of those on each device belong to the race."""
        try:
            telemetry = read_telemetry(self.reader)
            clock, throttled = (self._number(path) for path in (_CLOCK_KHZ, _THROTTLED))
        except ReaderError:
            return
        ours = [each for each in telemetry.accelerators if each.kind == self.device and each.index < self.devices]
        self._seen += ours
        self._foreign += [max(0, each.processes - own_processes) for each in ours if each.processes is not None]
        self._loads += [] if telemetry.host.load_average is None else [telemetry.host.load_average]
        self._clocks_mhz += [] if clock is None else [clock / 1000]
        self._throttled += [] if throttled is None else [throttled]

    def conditions(self) -> Conditions:
        """Return what was seen since the race began, the worst of each kind."""
        found: Conditions = {
            "race_other_busy_cores": others_busy_cores(self._began, CoreTimes.now()),
            "race_load_average_1min": max(self._loads, default=None),
            "race_cpu_clock_mhz": min(self._clocks_mhz, default=None),
            "race_cpu_throttled": self._throttled[-1] - self._throttled[0] if self._throttled else None,
        }
        if self.device != "cpu":
            found |= {**_of_devices(self._seen), "race_foreign_processes": max(self._foreign, default=None)}
        return {name: value for name, value in found.items() if value is not None}

    @contextmanager
    def metering(self, contender: Contender) -> Iterator[None]:
        """Note what the steps inside take, where a meter tells."""
        before, steps = self._energy(), contender.session.evidence.steps
        yield
        joules = self._used(before, self._energy())
        if joules is not None:
            taken = contender.session.evidence.steps - steps
            contender.energy.append(RoundEnergy(joules=joules, steps=taken, meter=self._meter))

    @property
    def _meter(self) -> Literal["nvml", "rapl"]:
        return "rapl" if self.device == "cpu" else "nvml"

    def _energy(self) -> EnergyReading:
        try:
            return read_energy(self.reader)
        except ReaderError:
            return EnergyReading()

    def _used(self, before: EnergyReading, after: EnergyReading) -> float | None:
        if self.device == "cpu":
            return host_joules(before, after)
        found = [device_joules(before, after, index) for index in range(self.devices)]
        told = [each for each in found if each is not None]
        return sum(told) if len(told) == len(found) else None

    def _number(self, path: str) -> int | None:
        text = (self.reader.read_text(path) or "").strip()
        return int(text) if text.isdigit() else None


def _of_devices(seen: Sequence[DeviceTelemetry]) -> Conditions:
    clocks = [each.compute_clock_mhz for each in seen if each.compute_clock_mhz is not None]
    temperatures = [each.temperature_celsius for each in seen if each.temperature_celsius is not None]
    reasons = [each.throttle_reasons for each in seen if each.throttle_reasons is not None]
    return {
        "race_device_clock_mhz": min(clocks, default=None),
        "race_device_temperature_celsius": max(temperatures, default=None),
        "race_device_throttled": ", ".join(sorted({name for each in reasons for name in each})) if reasons else None,
    }
