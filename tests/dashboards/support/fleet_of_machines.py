"""A small fleet as agents would report it: machines of several kinds, some of them silent."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from autoprec_probe.agent.report import Report
from autoprec_probe.profile import Accelerator, Cpu, HardwareProfile, Software
from autoprec_probe.telemetry import DeviceTelemetry, HostTelemetry, Telemetry

GIB = 2**30
_KINDS: tuple[tuple[str, str, tuple[int, int], int, int], ...] = (
    ("NVIDIA H100 80GB HBM3", "hopper", (9, 0), 80, 8),
    ("NVIDIA A100-SXM4-40GB", "ampere", (8, 0), 40, 4),
    ("Tesla V100-SXM2-16GB", "volta", (7, 0), 16, 4),
    ("Tesla T4", "turing", (7, 5), 16, 1),
    ("", "", (0, 0), 0, 0),
)
"""Name, architecture, compute capability, memory in GiB, devices a machine; the last has none."""


def reports(now: datetime, machines: int = 12) -> Iterator[tuple[str, Report]]:
    """Yield names of machines with their report; every sixth is silent for half a day, every twelfth for a week."""
    for number in range(machines):
        silent = timedelta(days=7) if number % 12 == 11 else timedelta(hours=12) if number % 6 == 5 else timedelta(0)
        yield f"node-{number:04}", _report(number, now - silent)


def profile_of(number: int) -> HardwareProfile:
    """Return what the machine of a number is."""
    name, architecture, capability, gib, count = _KINDS[number % len(_KINDS)]
    return HardwareProfile(
        system="Linux",
        cpu=Cpu(
            architecture="x86_64",
            vendor="AuthenticAMD",
            model_name="AMD EPYC 9654 96-Core Processor",
            microarchitecture="zen4",
            logical_cores=192,
            usable_cores=192,
            features=("avx2", "avx512_bf16", "avx512f"),
            memory_total_bytes=768 * GIB,
        ),
        accelerators=tuple(
            Accelerator(
                kind="cuda",
                index=index,
                vendor="nvidia",
                name=name,
                architecture=architecture,
                compute_capability=capability,
                memory_total_bytes=gib * GIB,
                power_limit_watts=700.0,
            )
            for index in range(count)
        ),
        software=Software(
            python="3.11.9",
            packages={"torch": "2.13.0" if number % 3 else "2.9.1"},
            nvidia_driver="570.86.15" if count else None,
            cuda_driver="12.8" if count else None,
            torch_build="cuda 12.8" if count else "cpu",
        ),
    )


def _report(number: int, at: datetime) -> Report:
    profile = profile_of(number)
    devices = tuple(
        DeviceTelemetry(
            kind=each.kind,
            index=each.index,
            vendor=each.vendor,
            utilization_percent=float((37 * (number + each.index)) % 101),
            memory_used_bytes=(each.memory_total_bytes or 0) * ((number + each.index) % 9) // 10,
            power_watts=120.0 + 60 * ((number + each.index) % 9),
            temperature_celsius=40.0 + 4 * ((number + each.index) % 9),
            throttle_reasons=("sw-thermal-slowdown",) if (number, each.index) == (1, 2) else (),
        )
        for each in profile.accelerators
    )
    host = HostTelemetry(load_average=float(number % 190), memory_available_bytes=500 * GIB)
    return Report(
        id=f"{number:032x}",
        run=f"{number:032x}",
        sequence=1,
        observed_at=at,
        interval_seconds=3600.0,  # so that nobody falls silent while tests run
        agent_version="0.1.0",
        profile=profile,
        telemetry=Telemetry(host=host, accelerators=devices),
    )
