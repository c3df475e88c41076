"""NVIDIA's devices as torch tells them in a child process, where NVIDIA's management library is absent."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autoprec_probe import Accelerator, HostReader, ReaderError
from autoprec_probe.accelerators import detect_accelerators
from autoprec_probe.nvml import NvmlReading
from autoprec_probe.profile import Slice
from autoprec_probe.testing import FakeReader
from autoprec_probe.torch_devices import SCRIPT

L4 = {
    "index": 0,
    "name": "NVIDIA L4",
    "capability": [8, 9],
    "memory_bytes": 23_570_219_008,
    "multiprocessors": 58,
    "uuid": "GPU-1",
}
DEVICE_FILE = {"/dev/nvidia0": ""}
TORCH = {"torch": "2.9.0+cu128"}


class _SlowReader(FakeReader):
    def python(self, script: str) -> str | None:
        raise ReaderError(f"{len(script)} characters did not answer within 60 s")


def machine(
    *devices: object, files: dict[str, str] | None = None, packages: dict[str, str] | None = None
) -> FakeReader:
    return FakeReader(
        files=DEVICE_FILE if files is None else files,
        packages=TORCH if packages is None else packages,
        scripts={SCRIPT: json.dumps(devices)},
    )


def test_torch_tells_a_device() -> None:
    expected = Accelerator(
        kind="cuda",
        index=0,
        vendor="NVIDIA",
        name="NVIDIA L4",
        uuid="GPU-1",
        architecture="ada",
        compute_capability=(8, 9),
        memory_total_bytes=23_570_219_008,
        partitioned=False,
        cores=58,
    )
    assert (expected,) == detect_accelerators(machine(L4))


def test_torch_shows_a_slice_as_a_device() -> None:
    cut = L4 | {"name": "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "capability": [8, 0], "memory_bytes": 2**32, "uuid": None}
    (device,) = detect_accelerators(machine(cut))
    assert ("NVIDIA A100-SXM4-40GB", True, None) == (device.name, device.partitioned, device.memory_total_bytes)
    assert (Slice(name="1g.5gb", memory_total_bytes=2**32),) == device.slices


@pytest.mark.parametrize("name", ["nvidia0", "nvidia12", "nvhost-gpu"])
def test_a_device_file_is_the_sign_to_ask(name: str) -> None:
    assert 1 == len(detect_accelerators(machine(L4, files={f"/dev/{name}": ""})))


@pytest.mark.parametrize(
    "files",
    [{}, {"/dev/null": ""}, {"/dev/nvidiactl": ""}, {"/proc/driver/nvidia/version": ""}],
    ids=["nothing", "no device", "the driver alone", "the host's driver"],
)
def test_without_a_device_file_torch_is_not_asked(files: dict[str, str]) -> None:
    assert () == detect_accelerators(machine(L4, files=files))


def test_without_torch_nobody_is_asked() -> None:
    assert () == detect_accelerators(machine(L4, packages={}))


def test_where_the_management_library_is_present_torch_is_not_asked() -> None:
    reader = FakeReader(files=DEVICE_FILE, packages=TORCH, nvml_reading=NvmlReading(library_found=True))
    assert () == detect_accelerators(reader)


def test_a_torch_without_devices_tells_none() -> None:
    assert () == detect_accelerators(machine())


@pytest.mark.parametrize("text", [None, "", "Segmentation fault", '[{"name": 1}]'])
def test_a_torch_that_fails_is_an_entry_with_its_error(text: str | None) -> None:
    scripts = {} if text is None else {SCRIPT: text}
    (entry,) = detect_accelerators(FakeReader(files=DEVICE_FILE, packages=TORCH, scripts=scripts))
    assert entry.error is not None
    assert "torch in a child process did not tell" in entry.error


def test_a_torch_that_does_not_answer_in_time_is_an_entry_with_its_error() -> None:
    (entry,) = detect_accelerators(_SlowReader(files=DEVICE_FILE, packages=TORCH))
    assert entry.error is not None
    assert entry.error.endswith("did not answer within 60 s")


def test_the_script_runs_in_a_child_of_this_python() -> None:
    assert "3\n" == HostReader().python("print(1 + 2)")


def test_a_script_that_fails_tells_nothing() -> None:
    assert HostReader().python("raise SystemExit(1)") is None


FAKE_TORCH = """
from types import SimpleNamespace as Space
version = Space(hip={hip!r})
properties = Space(name="NVIDIA L4", major=8, minor=9, total_memory=23570219008, multi_processor_count=58, uuid="1")
cuda = Space(is_available=lambda: True, device_count=lambda: 1, get_device_properties=lambda index: properties)
"""


@pytest.mark.parametrize(("hip", "expected"), [(None, [L4]), ("6.4", [])], ids=["CUDA", "ROCm, which is AMD's"])
def test_the_script_asks_torch_for_nvidias_devices(tmp_path: Path, hip: str | None, expected: list[object]) -> None:
    (tmp_path / "torch.py").write_text(FAKE_TORCH.format(hip=hip))
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert expected == json.loads(done.stdout)


def test_the_script_asks_only_what_the_installed_torch_has() -> None:
    pytest.importorskip("torch")
    assert isinstance(json.loads(HostReader().python(SCRIPT) or ""), list)
