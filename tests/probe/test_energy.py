"""Meters of a machine made of values."""

import pytest

from autoprec_probe import DeviceTelemetry, EnergyReading, device_joules, host_joules, read_energy
from autoprec_probe.testing import FakeReader

RANGE_JOULES = 262_143.328850


def zone(name: str, called: str, microjoules: int) -> dict[str, str]:
    folder = f"/sys/class/powercap/{name}"
    return {
        f"{folder}/name": f"{called}\n",
        f"{folder}/energy_uj": f"{microjoules}\n",
        f"{folder}/max_energy_range_uj": "262143328850\n",
    }


def reading(**microjoules: int) -> EnergyReading:
    files = {
        **zone("intel-rapl:0", "package-0", microjoules.get("package", 0)),
        **zone("intel-rapl:0:0", "core", 1_000_000),
        **zone("intel-rapl:0:1", "dram", microjoules.get("dram", 0)),
        **zone("intel-rapl:1", "psys", microjoules.get("psys", 0)),
        **zone("intel-rapl-mmio:0", "package-0", microjoules.get("mmio", 0)),
        "/sys/class/powercap/intel-rapl/enabled": "1\n",
    }
    return read_energy(FakeReader(files=files))


def devices(*joules: float | None) -> EnergyReading:
    told = [
        DeviceTelemetry(kind="cuda", index=index, vendor="NVIDIA", energy_joules=each)
        for index, each in enumerate(joules)
    ]
    return read_energy(FakeReader(nvml_devices=tuple(told)))


def test_packages_and_memory_count_and_nothing_counts_twice() -> None:
    before, after = reading(), reading(package=2_000_000, dram=500_000, psys=9_000_000, mmio=2_000_000)
    assert 2.5 == host_joules(before, after)


def test_a_counter_that_wrapped_around_goes_on() -> None:
    joules = host_joules(reading(package=262_143_000_000), reading(package=1_000_000))
    assert pytest.approx(RANGE_JOULES - 262_143 + 1) == joules


def test_a_machine_without_meters_is_unknown() -> None:
    nothing = read_energy(FakeReader())
    assert host_joules(nothing, nothing) is None
    assert device_joules(nothing, nothing, 0) is None


def test_a_counter_that_only_root_may_read_is_unknown() -> None:
    files = {path: text for path, text in zone("intel-rapl:0", "package-0", 1).items() if "energy_uj" not in path}
    told = read_energy(FakeReader(files=files))
    assert host_joules(told, told) is None


def test_a_zone_that_came_or_went_makes_the_difference_unknown() -> None:
    assert host_joules(read_energy(FakeReader(files=zone("intel-rapl:0", "package-0", 1))), reading()) is None


def test_each_device_counts_for_itself() -> None:
    before, after = devices(1.0, 10.0), devices(1.5, 30.0)
    assert [0.5, 20.0] == [device_joules(before, after, index) for index in range(2)]


@pytest.mark.parametrize(("before", "after"), [(None, 1.0), (1.0, None), (5.0, 1.0)])
def test_a_device_that_does_not_count_or_began_anew_is_unknown(before: float | None, after: float | None) -> None:
    assert device_joules(devices(before), devices(after), 0) is None
