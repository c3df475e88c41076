"""Live values at NVML's real boundary, and what happens to them when devices and drivers come and go."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_nvml import A100_IN_SLICES, H100, L4, MIB, T4, V100, Facts, Library, Machine

from autoprec_probe import DeviceTelemetry

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None or sys.platform != "linux",
    reason="needs gcc and Linux's loader",
)

READ_ALL = """
from autoprec_probe import HostReader, read_telemetry
reader = HostReader()
readings = []
for path in machines:
    become(path)
    readings.append(read_telemetry(reader))
show(readings)
"""
LOST, MISMATCH, UNINITIALIZED = "!15", "!18", "!1"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.build(tmp_path_factory.mktemp("nvml"))


def read(library: Library, *machines: Machine) -> list[tuple[DeviceTelemetry, ...]]:
    readings = library.run(READ_ALL, *machines)
    return [tuple(map(DeviceTelemetry.model_validate, each["accelerators"])) for each in readings]


def errors(library: Library, *machines: Machine) -> list[list[str | None]]:
    return [[each.error for each in reading] for reading in read(library, *machines)]


def read_device(library: Library, device: Facts) -> DeviceTelemetry:
    ((told,),) = read(library, Machine(devices=(device,)))
    return told


def test_every_live_value_of_an_h100_is_read(library: Library) -> None:
    expected = DeviceTelemetry(
        kind="cuda",
        index=0,
        vendor="NVIDIA",
        uuid="GPU-h100",
        utilization_percent=87,
        memory_used_bytes=559 * MIB,
        memory_free_bytes=81000 * MIB,
        power_watts=612.5,
        compute_clock_mhz=1755,
        memory_clock_mhz=2619,
        temperature_celsius=61,
        throttle_reasons=("hw-thermal-slowdown", "sw-power-cap"),
        energy_joules=123_456.789,
        processes=2,
        processes_memory_bytes=500 * MIB,
    )
    assert expected == read_device(library, H100)


def test_a_device_without_power_readings_has_all_others(library: Library) -> None:
    without = {key: value for key, value in H100.items() if key not in {"power", "energy"}}
    expected = read_device(library, H100).model_copy(update={"power_watts": None, "energy_joules": None})
    assert expected == read_device(library, without)


def test_a_partitioned_device_tells_no_utilization_of_the_whole(library: Library) -> None:
    told = read_device(library, A100_IN_SLICES)
    assert (None, 0, None) == (told.utilization_percent, told.memory_used_bytes, told.error)


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [("0x0", ()), ("0x1", ()), ("0x8", ("hw-slowdown",)), ("0x8000000000000000", ())],
    ids=["none", "idle", "slowed down", "bit of a newer driver"],
)
def test_what_slows_down_is_named(library: Library, bits: str, reasons: tuple[str, ...]) -> None:
    assert reasons == read_device(library, H100 | {"throttle": bits}).throttle_reasons


def test_a_process_that_computes_and_draws_is_one(library: Library) -> None:
    both = read_device(library, H100 | {"graphics": 1, "graphics0": f"4242 {400 * MIB}"})
    assert (2, 500 * MIB) == (both.processes, both.processes_memory_bytes)


def test_memory_of_processes_that_the_system_keeps_to_itself_is_unknown(library: Library) -> None:
    told = read_device(library, H100 | {"compute1": f"4243 {2**64 - 1}"})
    assert (2, None) == (told.processes, told.processes_memory_bytes)


def test_an_old_driver_answers_what_it_knows(tmp_path: Path) -> None:
    told = read_device(Library.build(tmp_path, "-DOLD_DRIVER"), H100)
    assert (612.5, 61, None) == (told.power_watts, told.temperature_celsius, told.energy_joules)
    assert (("hw-thermal-slowdown", "sw-power-cap"), 2) == (told.throttle_reasons, told.processes)


@pytest.mark.parametrize("loss", [{"handle": LOST}, H100 | {"power": LOST}, H100 | {"utilization": UNINITIALIZED}])
def test_a_device_that_is_lost_and_comes_back_is_read_again(library: Library, loss: Facts) -> None:
    well, ill = Machine(devices=(L4, H100, T4)), Machine(devices=(L4, loss, T4))
    reason = "Uninitialized" if UNINITIALIZED in loss.values() else "GPU is lost"
    expected = [[None, None, None], [None, reason, None], [None, None, None]]
    assert expected == errors(library, well, ill, well)


def test_a_driver_that_goes_and_comes_back_is_connected_anew(library: Library) -> None:
    well = Machine(devices=(H100,))
    gone = Machine(devices=({"handle": UNINITIALIZED},), init="!9")
    assert [[None], ["Uninitialized"], [], [None]] == errors(library, well, gone, gone, well)


def test_no_driver_has_no_live_values(tmp_path: Path) -> None:
    assert [()] == read(Library(tmp_path), Machine(devices=(H100,)))


def test_a_driver_that_refuses_is_one_entry(library: Library) -> None:
    (((error,)),) = errors(library, Machine(init=MISMATCH))
    assert error is not None
    assert "restart the machine" in error


COUNT_CONNECTIONS = """
import pynvml
from autoprec_probe import HostReader, read_telemetry
connect, connections = pynvml.nvmlInit, []
pynvml.nvmlInit = lambda: connections.append(connect())
reader = HostReader()
for _ in range(40):
    read_telemetry(reader)
print(json.dumps(len(connections)))
"""


def test_a_connection_is_kept_between_readings(library: Library) -> None:
    assert 1 == library.run(COUNT_CONNECTIONS, Machine(devices=(H100, V100)))


def test_a_connection_is_made_anew_less_and_less_often_while_a_device_is_lost(library: Library) -> None:
    """Before the first reading, and after the first, second, fourth, eighth, sixteenth and thirty-second."""
    assert 7 == library.run(COUNT_CONNECTIONS, Machine(devices=(H100, {"handle": LOST})))


def test_a_device_of_others_is_none_of_ours(library: Library) -> None:
    ((device,),) = read(library, Machine(devices=({"handle": "!4"}, T4)))
    assert (1, "GPU-t4", None) == (device.index, device.uuid, device.error)


def test_a_library_that_an_upgrade_replaced_is_loaded_anew(tmp_path: Path) -> None:
    """The old library of this process finds a newer driver, as after `apt upgrade` and a reload of the module."""
    folders = [tmp_path / name for name in ("old", "new")]
    for folder in folders:
        folder.mkdir()
    old, new = Library.build(folders[0], f"-DINIT_RESULT={MISMATCH[1:]}"), Library.build(folders[1])
    script = f"""
from autoprec_probe import HostReader, read_telemetry
reader = HostReader()
before = read_telemetry(reader)
os.replace({str(new.folder / "libnvidia-ml.so.1")!r}, {str(old.folder / "libnvidia-ml.so.1")!r})
after = read_telemetry(reader)
show([before, after])
"""
    before, after = old.run(script, Machine(devices=(H100,)))
    assert ["refused", "NVIDIA device 0 is well"] == [outcome(before), outcome(after)]


def outcome(telemetry: Any) -> str:
    (device,) = telemetry["accelerators"]
    return "refused" if device["error"] else f"{device['vendor']} device {device['index']} is well"


METERS = """
from autoprec_probe import HostReader, device_joules, read_energy
reader = HostReader()
readings = []
for path in machines:
    become(path)
    readings.append(read_energy(reader))
print(json.dumps([device_joules(readings[0], readings[1], 0), device_joules(readings[0], readings[2], 0)]))
"""


def test_the_counter_of_a_device_meters_what_runs_between_two_readings(library: Library) -> None:
    later = Machine(devices=(H100 | {"energy": 123_466_789},))
    without = Machine(devices=({name: fact for name, fact in H100.items() if name != "energy"},))
    joules, unknown = library.run(METERS, Machine(devices=(H100,)), later, without)
    assert pytest.approx(10.0) == joules
    assert unknown is None
