"""Live values of a machine made of values, and of the one that runs the tests."""

import platform

import pytest

from autoprec_probe import (
    Accelerator,
    DeviceTelemetry,
    HardwareProfile,
    HostReader,
    HostTelemetry,
    Software,
    Telemetry,
    read_telemetry,
)
from autoprec_probe.profile import Cpu
from autoprec_probe.testing import FakeReader

FILES = {
    "/proc/loadavg": "1.50 0.75 0.30 2/345 6789\n",
    "/proc/meminfo": "MemTotal:  2048 kB\nMemFree:  1 kB\nMemAvailable:  1024 kB\n",
}


def profile(**facts: object) -> HardwareProfile:
    told = {"kind": "cuda", "index": 0, "vendor": "NVIDIA", "name": "NVIDIA L4", **facts}
    return HardwareProfile(
        system="Linux",
        cpu=Cpu(architecture="x86_64"),
        accelerators=(Accelerator.model_validate(told),),
        software=Software(python="3.11.0"),
    )


def test_the_load_of_the_host_is_read() -> None:
    expected = HostTelemetry(load_average=1.5, memory_available_bytes=2**20)
    assert expected == read_telemetry(FakeReader(files=FILES)).host


def test_a_host_that_tells_nothing_is_unknown() -> None:
    assert Telemetry() == read_telemetry(FakeReader(system="Darwin"))


def test_the_devices_are_the_readers() -> None:
    device = DeviceTelemetry(kind="cuda", index=0, vendor="NVIDIA", power_watts=70.5)
    assert (device,) == read_telemetry(FakeReader(nvml_devices=(device,))).accelerators


def test_telemetry_survives_json() -> None:
    device = DeviceTelemetry(kind="cuda", index=0, vendor="NVIDIA", throttle_reasons=("sw-power-cap",))
    telemetry = read_telemetry(FakeReader(files=FILES, nvml_devices=(device,)))
    assert telemetry == Telemetry.model_validate_json(telemetry.model_dump_json())


@pytest.mark.skipif(platform.system() != "Linux", reason="needs Linux's /proc")
def test_this_machine_has_memory_available() -> None:
    available = read_telemetry(HostReader()).host.memory_available_bytes
    assert available is not None
    assert available > 0


def test_two_looks_at_one_machine_are_equal_without_live_values() -> None:
    now, later = profile(memory_free_bytes=1), profile(memory_free_bytes=2)
    assert now != later
    assert now.without_live_values() == later.without_live_values()


def test_a_lost_device_is_a_change() -> None:
    lost = profile(name=None, error="GPU is lost")
    assert profile().without_live_values() != lost.without_live_values()
