"""What NVIDIA's devices are, as their driver tells it."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from autoprec_probe.errors import ReaderError
from autoprec_probe.nvidia import ARCHITECTURES
from autoprec_probe.nvml.gate import Nvml, library_is_loaded
from autoprec_probe.nvml.multiprocessors import multiprocessors
from autoprec_probe.profile import Accelerator, Slice

if TYPE_CHECKING:
    from collections.abc import Iterator

_VENDOR = "NVIDIA"

_NVML_ARCHITECTURES = {
    2: "kepler",
    3: "maxwell",
    4: "pascal",
    5: "volta",
    6: "turing",
    7: "ampere",
    8: "ada",
    9: "hopper",
    10: "blackwell",
    13: "rubin",
}
"""`nvmlDeviceArchitecture_t` of nvml.h, asked only where the compute capability does not tell."""


class NvmlReading(BaseModel):
    """What one NVIDIA driver tells of itself and of its devices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accelerators: tuple[Accelerator, ...] = ()
    driver_version: str | None = None
    cuda_version: str | None = None
    """The newest CUDA version that the driver serves, such as `12.8`."""
    library_found: bool = False
    """Whether NVML's library is there, with or without a driver behind it."""


def read_nvml() -> NvmlReading:
    """Ask the NVIDIA driver of this machine for its devices and versions.

    A driver that is there but refuses to answer is one entry with its error.
    """
    try:
        nvml = Nvml.connect()
    except ReaderError as error:
        return NvmlReading(library_found=True, accelerators=(_unreadable(0, str(error)),))
    if nvml is None:
        return NvmlReading(library_found=library_is_loaded())
    try:
        return _reading(nvml)
    finally:
        nvml.close()


def _reading(nvml: Nvml) -> NvmlReading:
    return NvmlReading(
        library_found=True,
        accelerators=tuple(nvml.devices(partial(_accelerator, nvml), _unreadable)),
        driver_version=nvml.ask_driver("nvmlSystemGetDriverVersion"),
        cuda_version=_cuda_version(nvml.ask_driver("nvmlSystemGetCudaDriverVersion_v2")),
    )


def _accelerator(nvml: Nvml, index: int, handle: Any) -> Accelerator:
    capability = nvml.ask("nvmlDeviceGetCudaComputeCapability", handle)
    memory = nvml.ask("nvmlDeviceGetMemoryInfo", handle)
    mig = nvml.ask("nvmlDeviceGetMigMode", handle)
    partitioned = None if mig is None else mig[0] == nvml.constant("NVML_DEVICE_MIG_ENABLE")
    return Accelerator(
        kind="cuda",
        index=index,
        vendor=_VENDOR,
        name=nvml.ask("nvmlDeviceGetName", handle),
        uuid=nvml.ask("nvmlDeviceGetUUID", handle),
        architecture=_architecture(capability, nvml.ask("nvmlDeviceGetArchitecture", handle)),
        compute_capability=capability,
        memory_total_bytes=None if memory is None else memory.total,
        memory_free_bytes=None if memory is None else memory.free,
        partitioned=partitioned,
        slices=tuple(_slices(nvml, handle)) if partitioned else (),
        cores=multiprocessors(nvml.ask("nvmlDeviceGetNumGpuCores", handle), capability),
        power_limit_watts=_watts(nvml.ask("nvmlDeviceGetPowerManagementLimit", handle)),
        pcie_generation=nvml.ask("nvmlDeviceGetMaxPcieLinkGeneration", handle),
        pcie_width=nvml.ask("nvmlDeviceGetMaxPcieLinkWidth", handle),
        nvlinks=_nvlinks(nvml, handle),
    )


def _unreadable(index: int, error: str) -> Accelerator:
    return Accelerator(kind="cuda", index=index, vendor=_VENDOR, error=error)


def _architecture(capability: tuple[int, int] | None, told: int | None) -> str | None:
    """Return the name of a known capability; of an unknown one only a name that no known capability has.

    NVML has one Blackwell for capabilities that differ, so that its word would be wrong for a newer one.
    """
    if capability in ARCHITECTURES:
        return ARCHITECTURES[capability]
    name = None if told is None else _NVML_ARCHITECTURES.get(told)
    return name if capability is None or name not in ARCHITECTURES.values() else None


def _slices(nvml: Nvml, handle: Any) -> Iterator[Slice]:
    for position in range(nvml.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        part = nvml.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, position)
        if part is not None:
            yield _slice(nvml, part)


def _slice(nvml: Nvml, part: Any) -> Slice:
    memory = nvml.ask("nvmlDeviceGetMemoryInfo", part)
    profile = re.search(r"\bMIG (\S+)$", nvml.ask("nvmlDeviceGetName", part) or "")
    return Slice(
        name=profile[1] if profile else None,
        uuid=nvml.ask("nvmlDeviceGetUUID", part),
        memory_total_bytes=None if memory is None else memory.total,
    )


def _nvlinks(nvml: Nvml, handle: Any) -> int | None:
    """Return how many links are up, None where a device has none or does not tell."""
    states: list[int] = []
    for link in range(nvml.constant("NVML_NVLINK_MAX_LINKS")):
        state = nvml.ask("nvmlDeviceGetNvLinkState", handle, link)
        if state is None:
            break
        states.append(state)
    return sum(states) if states else None


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def _cuda_version(number: int | None) -> str | None:
    """Turn NVML's 12080 into `12.8`."""
    return None if number is None else f"{number // 1000}.{number % 1000 // 10}"
