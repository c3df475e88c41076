"""NVML at its real boundary: nvidia-ml-py loads a library written in C, in a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autoprec_probe import Accelerator
from autoprec_probe.nvml import NvmlReading

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None or sys.platform != "linux",
    reason="needs gcc and Linux's loader",
)

SOURCE = Path(__file__).parent / "fake_nvml.c"
READ = "from autoprec_probe.nvml import read_nvml; print(read_nvml().model_dump_json())"
VERSION_MISMATCH = 18
DRIVER_NOT_LOADED = 9
UNKNOWN = 999

Read = Callable[..., NvmlReading]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    def read_with(*definitions: str, driver: bool = True) -> NvmlReading:
        folder = tmp_path_factory.mktemp("nvml")
        if driver:
            library = folder / "libnvidia-ml.so.1"
            command = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", *definitions, "-o", str(library), str(SOURCE)]
            subprocess.run(command, check=True)
        environment = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", READ],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        )
        return NvmlReading.model_validate_json(done.stdout)

    return read_with


@pytest.fixture(scope="module")
def present(read: Read) -> NvmlReading:
    return read()


@pytest.fixture(scope="module")
def old(read: Read) -> NvmlReading:
    return read("-DOLD_DRIVER")


def test_every_field_of_an_h100_is_read(present: NvmlReading) -> None:
    expected = Accelerator(
        kind="cuda",
        index=0,
        vendor="NVIDIA",
        name="NVIDIA H100 80GB HBM3",
        uuid="GPU-00000000-0000-0000-0000-000000000001",
        architecture="hopper",
        compute_capability=(9, 0),
        memory_total_bytes=81559 * 2**20,
        memory_free_bytes=81000 * 2**20,
        partitioned=False,
    )
    assert expected == present.accelerators[0]


def test_what_a_t4_does_not_support_is_none(present: NvmlReading) -> None:
    expected = Accelerator(
        kind="cuda",
        index=1,
        vendor="NVIDIA",
        name="Tesla T4",
        architecture="turing",
        compute_capability=(7, 5),
    )
    assert expected == present.accelerators[1]


@pytest.mark.parametrize("index", [2, 3])
def test_a_lost_device_is_an_entry_with_its_error(present: NvmlReading, index: int) -> None:
    expected = Accelerator(kind="cuda", index=index, vendor="NVIDIA", error="GPU is lost")
    assert expected == present.accelerators[index]


def test_the_versions_of_the_driver_are_read(present: NvmlReading) -> None:
    assert ("570.86.15", "12.8") == (present.driver_version, present.cuda_version)


def test_a_symbol_that_an_old_driver_lacks_costs_only_its_field(old: NvmlReading) -> None:
    expected = Accelerator(
        kind="cuda",
        index=0,
        vendor="NVIDIA",
        name="NVIDIA H100 80GB HBM3",
        uuid="GPU-00000000-0000-0000-0000-000000000001",
        architecture="hopper",
    )
    assert expected == old.accelerators[0]
    assert ("570.86.15", None) == (old.driver_version, old.cuda_version)


def test_without_a_driver_there_are_no_accelerators(read: Read) -> None:
    assert NvmlReading() == read(driver=False)


def test_with_a_library_but_no_loaded_driver_there_are_no_accelerators(read: Read) -> None:
    assert NvmlReading() == read(f"-DINIT_RESULT={DRIVER_NOT_LOADED}")


@pytest.mark.parametrize("result", [VERSION_MISMATCH, UNKNOWN])
def test_a_driver_that_refuses_to_start_is_one_entry_with_its_error(read: Read, result: int) -> None:
    (entry,) = read(f"-DINIT_RESULT={result}").accelerators
    assert ("cuda", 0) == (entry.kind, entry.index)
    assert entry.error
