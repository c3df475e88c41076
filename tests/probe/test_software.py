"""Versions of the software that decides how a precision runs."""

import platform
import re

import pytest

from autoprec_probe import Software, probe
from autoprec_probe.nvml import NvmlReading
from autoprec_probe.software import PACKAGES, detect_software
from autoprec_probe.testing import FakeReader


def test_what_is_not_installed_is_none() -> None:
    software = detect_software(FakeReader(packages={"torch": "2.9.0"}))
    assert {**dict.fromkeys(PACKAGES), "torch": "2.9.0"} == software.packages


def test_the_driver_tells_its_versions() -> None:
    reading = NvmlReading(driver_version="570.86.15", cuda_version="12.8")
    software = detect_software(FakeReader(python_version="3.12.1", nvml_reading=reading))
    expected = Software(
        python="3.12.1",
        packages=dict.fromkeys(PACKAGES),
        nvidia_driver="570.86.15",
        cuda_driver="12.8",
    )
    assert expected == software


VERSION = """from typing import Optional

__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip', 'rocm', 'xpu']
__version__ = '2.9.0{suffix}'
debug = False
cuda: Optional[str] = {cuda}
git_version = '0'
hip: Optional[str] = {hip}
rocm: Optional[str] = None
xpu: Optional[str] = {xpu}
"""


def torch_for(cuda: str = "None", hip: str = "None", xpu: str = "None") -> FakeReader:
    text = VERSION.format(suffix="", cuda=cuda, hip=hip, xpu=xpu)
    return FakeReader(packages={"torch": "2.9.0"}, package_files={"torch/version.py": text})


@pytest.mark.parametrize(
    ("reader", "build", "rocm"),
    [
        (torch_for(), "cpu", None),
        (torch_for(cuda="'12.8'"), "cuda 12.8", None),
        (torch_for(hip="'6.4.43484-123eb5128'"), "rocm 6.4.43484", "6.4.43484"),
        (torch_for(xpu="'20250301'"), "xpu 20250301", None),
        (FakeReader(packages={"torch": "2.9.0"}), None, None),
        (FakeReader(files={"/opt/rocm/.info/version": "6.4.1-83\n"}), None, "6.4.1"),
    ],
)
def test_torchs_own_file_says_what_it_was_built_for(reader: FakeReader, build: str | None, rocm: str | None) -> None:
    software = detect_software(reader)
    assert (build, rocm) == (software.torch_build, software.rocm)


def test_the_header_that_torch_brings_along_tells_onednn() -> None:
    header = "#define DNNL_VERSION_MAJOR 3\n#define DNNL_VERSION_MINOR 12\n#define DNNL_VERSION_PATCH 0\n"
    files = {"torch/include/oneapi/dnnl/dnnl_version.h": header}
    assert "3.12.0" == detect_software(FakeReader(packages={"torch": "2.13.0"}, package_files=files)).onednn


def test_settings_are_those_that_are_set() -> None:
    variables = {"ONEDNN_MAX_CPU_ISA": "AVX2", "PATH": "/bin"}
    assert {"ONEDNN_MAX_CPU_ISA": "AVX2"} == detect_software(FakeReader(variables=variables)).settings


def test_what_is_told_of_the_installed_torch_is_what_torch_tells() -> None:
    torch = pytest.importorskip("torch")
    software = probe().software
    shown = torch.__config__.show()
    found = re.search(r"MKL-DNN v(\S+)", shown)
    assert (found[1] if found else None) == software.onednn
    assert (software.torch_build == "cpu") == (torch.version.cuda is None and torch.version.hip is None)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="elsewhere torch chooses by more than features")
def test_the_kernels_that_torch_picks_here_are_foreseen() -> None:
    torch = pytest.importorskip("torch")
    assert torch.backends.cpu.get_cpu_capability().lower() == probe().software.aten_isa


def test_the_packages_are_sorted_and_named_once() -> None:
    assert sorted(set(PACKAGES)) == list(PACKAGES)
