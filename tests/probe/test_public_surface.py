"""What the probe offers to the other parts and to third parties."""

from collections.abc import Callable

import pytest

import autoprec_probe
from autoprec_probe import (
    Accelerator,
    DeviceNotFoundError,
    ForeignPrecisionError,
    HostReader,
    ProbeError,
    Reader,
    ReaderError,
    UnknownPrecisionError,
    probe,
)
from autoprec_probe.nvml import NvmlReading
from autoprec_probe.testing import FakeReader


def by_kind_and_name(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def test_all_names_are_sorted_and_exist() -> None:
    assert sorted(autoprec_probe.__all__, key=by_kind_and_name) == autoprec_probe.__all__
    assert [] == [name for name in autoprec_probe.__all__ if not hasattr(autoprec_probe, name)]


@pytest.mark.parametrize(
    "error",
    [DeviceNotFoundError, ForeignPrecisionError, ReaderError, UnknownPrecisionError],
)
def test_every_error_has_the_one_root(error: type[Exception]) -> None:
    assert issubclass(error, ProbeError)


@pytest.mark.parametrize("make", [HostReader, FakeReader])
def test_every_reader_serves_the_seam(make: Callable[[], Reader]) -> None:
    assert probe(make()).system == make().system


def test_a_machine_of_values_becomes_a_profile() -> None:
    gpu = Accelerator(kind="cuda", index=0, vendor="NVIDIA", name="NVIDIA L40S", compute_capability=(8, 9))
    lost = Accelerator(kind="cuda", index=1, vendor="NVIDIA", error="GPU is lost")
    profile = probe(FakeReader(nvml_reading=NvmlReading(accelerators=(gpu, lost))))
    assert ("cuda", "nvidia-l40s", (gpu, lost)) == (profile.default_device, profile.key, profile.accelerators)
