"""What the agent tells of NVIDIA's devices that come and go under it."""

import shutil
import sys
from typing import Any

import pytest
from fake_nvml import H100, L4, Facts, Library, Machine

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None or sys.platform != "linux",
    reason="needs gcc and Linux's loader",
)

LOOK_AT_ALL = """
from autoprec_probe.agent.clock import SystemClock
from autoprec_probe.agent.observer import Observer
observer = Observer(SystemClock())
looks = []
for path in machines:
    become(path)
    looks.append(observer.look())
print(json.dumps([{
    "error": each.error,
    "profile": each.profile and each.profile.model_dump(mode="json"),
    "telemetry": each.telemetry.model_dump(mode="json"),
} for each in looks]))
"""
LOST, MISMATCH, UNINITIALIZED, NOT_LOADED = "!15", "!18", "!1", "!9"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.build(tmp_path_factory.mktemp("nvml"))


def looks(library: Library, *machines: Machine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = library.run(LOOK_AT_ALL, *machines)
    assert {None} == {each["error"] for each in found}
    return found


def told(look: dict[str, Any]) -> list[tuple[str | None, bool]] | None:
    """Return the names of the devices in a profile and whether they were read; None without a profile."""
    profile = look["profile"]
    return profile and [(each["name"], each["error"] is None) for each in profile["accelerators"]]


def with_devices(*devices: Facts, **driver: Any) -> Machine:
    return Machine(devices=devices, **driver)


def test_a_device_that_falls_off_the_bus_is_told_at_once_and_so_is_its_return(library: Library) -> None:
    whole = with_devices(H100, L4)
    lost = with_devices(H100 | {"handle": LOST}, L4)
    expected = [
        [("NVIDIA H100 80GB HBM3", True), ("NVIDIA L4", True)],
        None,
        [(None, False), ("NVIDIA L4", True)],
        None,
        [("NVIDIA H100 80GB HBM3", True), ("NVIDIA L4", True)],
    ]
    assert expected == [told(each) for each in looks(library, whole, whole, lost, lost, whole)]


def test_a_driver_that_is_upgraded_under_its_feet_is_told_when_it_is_back(library: Library) -> None:
    old, new = with_devices(L4, driver="570.1"), with_devices(L4, driver="580.1")
    unloaded = with_devices({"handle": UNINITIALIZED}, init=NOT_LOADED)
    refusing = with_devices(init=MISMATCH)
    found = looks(library, old, unloaded, unloaded, refusing, new)
    assert [[("NVIDIA L4", True)], [], None, [(None, False)], [("NVIDIA L4", True)]] == [told(each) for each in found]
    assert "580.1" == found[-1]["profile"]["software"]["nvidia_driver"]


def test_live_values_are_no_change_of_the_profile_and_hold_no_serial_number(library: Library) -> None:
    found = looks(library, with_devices(H100), with_devices(H100 | {"utilization": 3, "power": 100_000}))
    assert [True, False] == [each["profile"] is not None for each in found]
    devices = [each["telemetry"]["accelerators"][0] for each in found]
    assert [(87, 612.5, None), (3, 100.0, None)] == [
        (each["utilization_percent"], each["power_watts"], each["uuid"]) for each in devices
    ]
    assert "GPU-" not in str(found)
