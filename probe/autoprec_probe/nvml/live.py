"""What NVIDIA's devices are doing at this moment, as their driver tells it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from autoprec_probe.telemetry import DeviceTelemetry

if TYPE_CHECKING:
    from autoprec_probe.nvml.gate import Nvml

_VENDOR = "NVIDIA"

_THROTTLE_REASONS = {
    0x002: "applications-clocks-setting",
    0x004: "sw-power-cap",
    0x008: "hw-slowdown",
    0x010: "sync-boost",
    0x020: "sw-thermal-slowdown",
    0x040: "hw-thermal-slowdown",
    0x080: "hw-power-brake-slowdown",
    0x100: "display-clock-setting",
    0x200: "board-limit",
    0x400: "reliability",
}
"""`nvmlClocksEventReasons` of nvml.h without 0x001, idleness: that is no reason to slow down, but to rest."""

_SENSOR_OF_THE_CHIP = 0


def live_values(nvml: Nvml) -> tuple[DeviceTelemetry, ...]:
    """Return one entry for each device, in the order of their PCI addresses."""
    return tuple(nvml.devices(partial(_device, nvml), unreadable))


def unreadable(index: int, error: str) -> DeviceTelemetry:
    """Return the entry of a device that could not be read."""
    return DeviceTelemetry(kind="cuda", index=index, vendor=_VENDOR, error=error)


def _device(nvml: Nvml, index: int, handle: Any) -> DeviceTelemetry:
    utilization = nvml.ask("nvmlDeviceGetUtilizationRates", handle)
    memory = nvml.ask("nvmlDeviceGetMemoryInfo", handle)
    processes = _processes(nvml, handle)
    return DeviceTelemetry(
        kind="cuda",
        index=index,
        vendor=_VENDOR,
        uuid=nvml.ask("nvmlDeviceGetUUID", handle),
        utilization_percent=None if utilization is None else utilization.gpu,
        memory_used_bytes=None if memory is None else memory.used,
        memory_free_bytes=None if memory is None else memory.free,
        power_watts=_thousandth(nvml.ask("nvmlDeviceGetPowerUsage", handle)),
        compute_clock_mhz=nvml.ask("nvmlDeviceGetClockInfo", handle, nvml.constant("NVML_CLOCK_SM")),
        memory_clock_mhz=nvml.ask("nvmlDeviceGetClockInfo", handle, nvml.constant("NVML_CLOCK_MEM")),
        temperature_celsius=_temperature(nvml, handle),
        throttle_reasons=_throttle_reasons(nvml, handle),
        energy_joules=_thousandth(nvml.ask("nvmlDeviceGetTotalEnergyConsumption", handle)),
        processes=None if processes is None else len(processes),
        processes_memory_bytes=_sum(processes),
    )


def _temperature(nvml: Nvml, handle: Any) -> int | None:
    """Return the temperature of the chip; the older question is to leave drivers with CUDA 14."""
    newer: int | None = nvml.ask("nvmlDeviceGetTemperatureV", handle, _SENSOR_OF_THE_CHIP)
    return nvml.ask("nvmlDeviceGetTemperature", handle, _SENSOR_OF_THE_CHIP) if newer is None else newer


def _throttle_reasons(nvml: Nvml, handle: Any) -> tuple[str, ...] | None:
    """Return the names of the bits that are set; drivers before 535 know the question by another name."""
    bits = nvml.ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
    if bits is None:
        bits = nvml.ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
    return None if bits is None else tuple(sorted(name for bit, name in _THROTTLE_REASONS.items() if bits & bit))


def _processes(nvml: Nvml, handle: Any) -> dict[int, int | None] | None:
    """Return the memory that each process holds, by its number; None where the driver tells of no processes."""
    lists = [_running(nvml, handle, "Compute"), _running(nvml, handle, "Graphics")]
    told = [each for each in lists if each is not None]
    return {each.pid: each.usedGpuMemory for processes in told for each in processes} if told else None


def _running(nvml: Nvml, handle: Any, kind: str) -> Any:
    """Drivers before 510 know only the second version of the question."""
    newer = nvml.ask(f"nvmlDeviceGet{kind}RunningProcesses_v3", handle)
    return nvml.ask(f"nvmlDeviceGet{kind}RunningProcesses_v2", handle) if newer is None else newer


def _sum(processes: dict[int, int | None] | None) -> int | None:
    if processes is None:
        return None
    told = [each for each in processes.values() if each is not None]
    return sum(told) if len(told) == len(processes) else None


def _thousandth(number: int | None) -> float | None:
    """NVML counts in milliwatts and millijoules."""
    return None if number is None else number / 1000
