"""The accelerators of a machine, from every detector that there is."""

from collections.abc import Callable
from dataclasses import dataclass

from autoprec_probe.amd.detect import detect_amd
from autoprec_probe.candidate import Device
from autoprec_probe.cuda_visibility import visible
from autoprec_probe.intel.gaudi import detect_gaudi
from autoprec_probe.intel.gpu import detect_intel_gpus
from autoprec_probe.macos import detect_apple_gpu
from autoprec_probe.profile import Accelerator
from autoprec_probe.reader import Reader
from autoprec_probe.torch_devices import detect_through_torch
from autoprec_probe.tpu import detect_tpus


@dataclass(frozen=True, kw_only=True)
class Detector:
    """Who finds the devices of one maker."""

    vendor: str
    kind: Device
    detect: Callable[[Reader], tuple[Accelerator, ...]]


def detect_nvidia(reader: Reader) -> tuple[Accelerator, ...]:
    """Return the NVIDIA devices that a workload of this process sees, as their driver tells them or else torch."""
    reading = reader.nvml()
    if reading.library_found or reading.accelerators:
        return visible(reading.accelerators, reader.environment)
    return detect_through_torch(reader)


DETECTORS: tuple[Detector, ...] = (
    Detector(vendor="NVIDIA", kind="cuda", detect=detect_nvidia),
    Detector(vendor="AMD", kind="cuda", detect=detect_amd),
    Detector(vendor="Intel", kind="hpu", detect=detect_gaudi),
    Detector(vendor="Google", kind="tpu", detect=detect_tpus),
    Detector(vendor="Intel", kind="xpu", detect=detect_intel_gpus),
    Detector(vendor="Apple", kind="mps", detect=detect_apple_gpu),
)
"""Asked in this order; the first readable device becomes the machine's default."""


def detect_accelerators(reader: Reader) -> tuple[Accelerator, ...]:
    """Return the accelerators behind `reader`; one that cannot be read is an entry with its error."""
    return tuple(each for detector in DETECTORS for each in _found(detector, reader))


def _found(detector: Detector, reader: Reader) -> tuple[Accelerator, ...]:
    try:
        return detector.detect(reader)
    except Exception as error:  # noqa: BLE001 (whatever a driver does to one detector, the others must still report)
        told = str(error) or type(error).__name__
        return (Accelerator(kind=detector.kind, index=0, vendor=detector.vendor, error=told),)
