"""The accelerators of a machine, from every detector that there is."""

from collections.abc import Callable

from autoprec_probe.cuda_visibility import visible
from autoprec_probe.profile import Accelerator
from autoprec_probe.reader import Reader
from autoprec_probe.torch_devices import detect_through_torch

Detector = Callable[[Reader], tuple[Accelerator, ...]]


def detect_nvidia(reader: Reader) -> tuple[Accelerator, ...]:
    """Return the NVIDIA devices that a workload of this process sees, as their driver tells them or else torch."""
    reading = reader.nvml()
    if reading.library_found or reading.accelerators:
        return visible(reading.accelerators, reader.environment)
    return detect_through_torch(reader)


DETECTORS: tuple[Detector, ...] = (detect_nvidia,)
"""Asked in this order; the first readable device becomes the machine's default."""


def detect_accelerators(reader: Reader) -> tuple[Accelerator, ...]:
    """Return the accelerators behind `reader`; one that cannot be read is an entry with its error."""
    return tuple(each for detect in DETECTORS for each in detect(reader))
