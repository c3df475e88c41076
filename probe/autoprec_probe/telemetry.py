"""What a machine is doing at this moment, its accelerators and its host: nothing that belongs to its profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from autoprec_probe.candidate import Device  # noqa: TC001 (pydantic reads it)

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoprec_probe.reader import Reader


class _Moment(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DeviceTelemetry(_Moment):
    """One accelerator at this moment. Every field that its driver does not tell is None."""

    kind: Device
    index: int
    """The same as that of the `Accelerator`."""
    vendor: str
    uuid: str | None = None
    utilization_percent: float | None = None
    """The share of the last moments (a sixth of a second to a second) in which something ran."""
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    power_watts: float | None = None
    compute_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    temperature_celsius: float | None = None
    throttle_reasons: tuple[str, ...] | None = None
    """What holds the clocks down, such as `hw-thermal-slowdown`, sorted; empty where nothing does."""
    energy_joules: float | None = None
    """A counter: what was used since the driver was loaded."""
    processes: int | None = None
    """How many processes use the device, this one included."""
    processes_memory_bytes: int | None = None
    """What they hold together, None where the system keeps that to itself for one of them."""
    error: str | None = None
    """Why this device could not be read, if it could not."""


class HostTelemetry(_Moment):
    """The host at this moment."""

    load_average: float | None = None
    """Processes that ran or waited for a core, on average over the last minute."""
    memory_available_bytes: int | None = None
    """What a new process could use without swapping."""


class Telemetry(_Moment):
    """One machine at this moment."""

    host: HostTelemetry = HostTelemetry()
    accelerators: tuple[DeviceTelemetry, ...] = ()


def read_telemetry(reader: Reader) -> Telemetry:
    """Return what the machine behind `reader` is doing; a device that cannot be read is an entry with its error.

    Made to be asked again and again of one reader: it keeps its connection to the driver, and connects anew after an
    error, so that a device that was lost and came back is found again.

    Raises:
        ReaderError: A file of the host exists and could not be read.
    """
    return Telemetry(
        host=_host(reader),
        accelerators=tuple(each for read in SOURCES for each in read(reader)),
    )


def _nvidia(reader: Reader) -> tuple[DeviceTelemetry, ...]:
    return reader.nvml_telemetry()


SOURCES: tuple[Callable[[Reader], tuple[DeviceTelemetry, ...]], ...] = (_nvidia,)
"""Asked in this order, which is that of the detectors."""


def _host(reader: Reader) -> HostTelemetry:
    load = (reader.read_text("/proc/loadavg") or "").split()
    meminfo = (reader.read_text("/proc/meminfo") or "").splitlines()
    available = next((line.split()[1] for line in meminfo if line.startswith("MemAvailable:")), None)
    return HostTelemetry(
        load_average=float(load[0]) if load else None,
        memory_available_bytes=None if available is None else int(available) * 1024,
    )
