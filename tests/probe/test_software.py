"""Versions of the software that decides how a precision runs."""

from autoprec_probe import Software
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


def test_the_packages_are_sorted_and_named_once() -> None:
    assert sorted(set(PACKAGES)) == list(PACKAGES)
