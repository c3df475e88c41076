"""NVML at its real boundary: nvidia-ml-py loads a library written in C, in a process of its own."""

import shutil
import sys
from typing import Any

import pytest
from fake_nvml import A100, A100_IN_SLICES, B200, H100, L4, L40S, MIB, RTX_5090, T4, V100, Facts, Library, Machine

from autoprec_probe import Accelerator
from autoprec_probe.nvml import NvmlReading
from autoprec_probe.profile import Slice

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None or sys.platform != "linux",
    reason="needs gcc and Linux's loader",
)

READ = """
from autoprec_probe.nvml import read_nvml
readings = []
for path in machines:
    become(path)
    readings.append(read_nvml())
show(readings)
"""
NOT_LOADED, LOST, MISMATCH, UNKNOWN = "!9", "!15", "!18", "!999"

EIGHT_MIXED = (V100, T4, A100, L4, L40S, H100, B200, RTX_5090)
NEWER: Facts = {"name": "NVIDIA X100", "memory": f"{2**38} 0", "cuda_cores": 20480, "capability": "14.0"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.build(tmp_path_factory.mktemp("nvml"))


def read(library: Library, *machines: Machine) -> list[NvmlReading]:
    return [NvmlReading.model_validate(each) for each in library.run(READ, *machines)]


def read_devices(library: Library, *devices: Facts) -> tuple[Accelerator, ...]:
    (reading,) = read(library, Machine(devices=devices))
    return reading.accelerators


def test_every_field_of_an_h100_is_read(library: Library) -> None:
    expected = Accelerator(
        kind="cuda",
        index=0,
        vendor="NVIDIA",
        name="NVIDIA H100 80GB HBM3",
        uuid="GPU-h100",
        architecture="hopper",
        compute_capability=(9, 0),
        memory_total_bytes=81559 * MIB,
        memory_free_bytes=81000 * MIB,
        partitioned=False,
        cores=132,
        power_limit_watts=700.0,
        pcie_generation=5,
        pcie_width=16,
        nvlinks=18,
    )
    assert (expected,) == read_devices(library, H100)


def test_what_a_t4_does_not_have_is_none(library: Library) -> None:
    (t4,) = read_devices(library, T4)
    assert (40, 70.0, None, None) == (t4.cores, t4.power_limit_watts, t4.partitioned, t4.nvlinks)


def test_eight_different_devices_are_told_apart(library: Library) -> None:
    told = [
        (each.index, each.name, each.architecture, each.compute_capability, each.cores)
        for each in read_devices(library, *EIGHT_MIXED)
    ]
    expected = [
        (0, "Tesla V100-SXM2-16GB", "volta", (7, 0), 80),
        (1, "Tesla T4", "turing", (7, 5), 40),
        (2, "NVIDIA A100-SXM4-40GB", "ampere", (8, 0), 108),
        (3, "NVIDIA L4", "ada", (8, 9), 58),
        (4, "NVIDIA L40S", "ada", (8, 9), 142),
        (5, "NVIDIA H100 80GB HBM3", "hopper", (9, 0), 132),
        (6, "NVIDIA B200", "blackwell", (10, 0), 148),
        (7, "NVIDIA GeForce RTX 5090", "blackwell-rtx", (12, 0), 170),
    ]
    assert expected == told


def test_the_slices_of_a_partitioned_device_have_their_profile_and_memory(library: Library) -> None:
    (a100,) = read_devices(library, A100_IN_SLICES)
    expected = (
        Slice(name="3g.20gb", uuid="MIG-one", memory_total_bytes=20096 * MIB),
        Slice(name="1g.5gb", uuid="MIG-two", memory_total_bytes=4864 * MIB),
    )
    assert (True, 40960 * MIB, expected) == (a100.partitioned, a100.memory_total_bytes, a100.slices)


def test_of_a_partitioned_device_a_workload_gets_the_first_slice(library: Library) -> None:
    whole, cut = read_devices(library, A100, A100_IN_SLICES)
    assert (40960 * MIB, 20096 * MIB) == (whole.workload_memory_bytes, cut.workload_memory_bytes)


def test_a_partitioned_device_without_slices_gives_a_workload_nothing_known(library: Library) -> None:
    (cut,) = read_devices(library, A100 | {"mig": 1, "max_slices": 7})
    assert (True, (), None) == (cut.partitioned, cut.slices, cut.workload_memory_bytes)


@pytest.mark.parametrize(
    "lost",
    [
        {"handle": LOST},
        {"handle": UNKNOWN},
        H100 | {"name": LOST},
        H100 | {"nvlinks": LOST},
        H100 | {"memory": UNKNOWN},
    ],
    ids=["at once", "for a reason unknown", "at the first question", "at the last question", "at a vital question"],
)
def test_a_lost_device_is_an_entry_with_its_error_and_costs_no_other(library: Library, lost: Facts) -> None:
    first, broken, last = read_devices(library, L4, lost, T4)
    assert ("NVIDIA L4", "Tesla T4") == (first.name, last.name)
    reason = "Unknown Error" if UNKNOWN in lost.values() else "GPU is lost"
    assert Accelerator(kind="cuda", index=1, vendor="NVIDIA", error=reason) == broken


def test_a_device_that_this_process_may_not_touch_is_none_of_its_devices(library: Library) -> None:
    assert [(1, "NVIDIA L4")] == [(each.index, each.name) for each in read_devices(library, {"handle": "!4"}, L4)]


@pytest.mark.parametrize("answer", [UNKNOWN, "!3", "!4"], ids=["unknown error", "not supported", "not permitted"])
def test_one_reading_that_fails_is_one_field_of_none(library: Library, answer: str) -> None:
    intact, broken = read_devices(library, L4, L4 | {"power_limit": answer})
    assert intact.model_copy(update={"index": 1, "power_limit_watts": None}) == broken


@pytest.mark.parametrize(
    ("told", "capability", "architecture"),
    [
        ({"capability": "14.0"}, (14, 0), None),
        ({"capability": "12.7", "architecture": 10}, (12, 7), None),
        ({"capability": "13.0", "architecture": 13}, (13, 0), "rubin"),
        ({"capability": "14.0", "architecture": 99}, (14, 0), None),
        ({"capability": "14.0", "architecture": 0xFFFFFFFF}, (14, 0), None),
    ],
    ids=["unnamed", "relative of a known one", "named by the driver", "of a number unknown", "unknown to the driver"],
)
def test_a_newer_device_keeps_its_capability_and_gets_no_wrong_name(
    library: Library,
    told: Facts,
    capability: tuple[int, int],
    architecture: str | None,
) -> None:
    (newer,) = read_devices(library, NEWER | told)
    assert (capability, architecture) == (newer.compute_capability, newer.architecture)
    assert (newer.name, newer.cores, newer.error) == ("NVIDIA X100", None, None)


def test_the_versions_of_the_driver_are_read(library: Library) -> None:
    (reading,) = read(library, Machine(driver="580.65.06", cuda=13000))
    assert ("580.65.06", "13.0", True) == (reading.driver_version, reading.cuda_version, reading.library_found)


@pytest.mark.parametrize("answer", ["!1", UNKNOWN], ids=["uninitialized", "unknown error"])
def test_a_driver_that_tells_no_version_still_tells_its_devices(library: Library, answer: str) -> None:
    (reading,) = read(library, Machine(devices=(L4,), driver=answer))
    assert (None, ["NVIDIA L4"]) == (reading.driver_version, [each.name for each in reading.accelerators])


def test_a_symbol_that_an_old_driver_lacks_costs_only_its_field(tmp_path: Any) -> None:
    (reading,) = read(Library.build(tmp_path, "-DOLD_DRIVER"), Machine(devices=(V100,), driver="375.26"))
    expected = Accelerator(
        kind="cuda",
        index=0,
        vendor="NVIDIA",
        name="Tesla V100-SXM2-16GB",
        uuid="GPU-v100",
        memory_total_bytes=16384 * MIB,
        memory_free_bytes=16383 * MIB,
        power_limit_watts=300.0,
        pcie_generation=3,
        pcie_width=16,
    )
    assert ((expected,), "375.26", None) == (reading.accelerators, reading.driver_version, reading.cuda_version)


def test_without_a_library_there_are_no_accelerators(tmp_path: Any) -> None:
    assert [NvmlReading()] == read(Library(tmp_path), Machine())


def test_with_a_library_but_no_loaded_driver_there_are_no_accelerators(library: Library) -> None:
    assert [NvmlReading(library_found=True)] == read(library, Machine(init=NOT_LOADED))


def test_a_driver_without_devices_has_only_versions(library: Library) -> None:
    (reading,) = read(library, Machine())
    assert ((), "570.86.15") == (reading.accelerators, reading.driver_version)


@pytest.mark.parametrize(
    ("result", "error"),
    [(MISMATCH, "version mismatch.*restart the machine"), (UNKNOWN, "Unknown Error")],
)
def test_a_driver_that_refuses_to_start_is_one_entry_with_its_error(library: Library, result: str, error: str) -> None:
    (reading,) = read(library, Machine(init=result))
    with pytest.raises(RuntimeError, match=error):
        raise RuntimeError(*(each.error for each in reading.accelerators))


def test_a_profile_names_the_slice_that_a_workload_gets(library: Library) -> None:
    script = "import autoprec_probe; profile = autoprec_probe.probe(); print(json.dumps(profile.key))"
    assert "nvidia-a100-sxm4-40gb-mig-3g.20gb" == library.run(script, Machine(devices=(A100_IN_SLICES,)))
