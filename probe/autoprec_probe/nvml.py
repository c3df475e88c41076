"""The gate to NVIDIA's management library (NVML): nothing else of autoprec calls it.

A reading that a device or an old driver does not serve is None, a device that fell off the bus is an entry with its
error, and no driver means no accelerators.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from autoprec_probe.nvidia import ARCHITECTURES
from autoprec_probe.profile import Accelerator

if TYPE_CHECKING:
    from collections.abc import Callable

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
}
"""`nvmlDeviceArchitecture_t` of nvml.h, asked only where the compute capability is not told."""


class NvmlReading(BaseModel):
    """What one NVIDIA driver tells of itself and of its devices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accelerators: tuple[Accelerator, ...] = ()
    driver_version: str | None = None
    cuda_version: str | None = None
    """The newest CUDA version that the driver serves, such as `12.8`."""


def read_nvml() -> NvmlReading:
    """Ask the NVIDIA driver of this machine for its devices and versions.

    A driver that is there but refuses to answer (after an upgrade without a restart, say) is one entry with its error.
    """
    import pynvml  # noqa: PLC0415 (15 ms that machines without an NVIDIA driver need not pay at import)

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        absent = {pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED}
        return NvmlReading() if error.value in absent else NvmlReading(accelerators=(_unreadable(0, error),))
    try:
        return _Nvml(pynvml).reading()
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


class _Nvml:
    """An initialised pynvml."""

    def __init__(self, pynvml: Any) -> None:
        self._pynvml = pynvml
        self._lost = {pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED}

    def reading(self) -> NvmlReading:
        return NvmlReading(
            accelerators=self._devices(),
            driver_version=_text(self._ask(self._pynvml.nvmlSystemGetDriverVersion)),
            cuda_version=_cuda_version(self._ask(self._pynvml.nvmlSystemGetCudaDriverVersion_v2)),
        )

    def _devices(self) -> tuple[Accelerator, ...]:
        try:
            count = self._pynvml.nvmlDeviceGetCount()
        except self._pynvml.NVMLError as error:
            return (_unreadable(0, error),)
        return tuple(self._device(index) for index in range(count))

    def _device(self, index: int) -> Accelerator:
        try:
            return self._facts(index, self._pynvml.nvmlDeviceGetHandleByIndex(index))
        except self._pynvml.NVMLError as error:
            return _unreadable(index, error)

    def _facts(self, index: int, handle: Any) -> Accelerator:
        nvml = self._pynvml
        capability = self._ask(nvml.nvmlDeviceGetCudaComputeCapability, handle)
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
        mig = self._ask(nvml.nvmlDeviceGetMigMode, handle)
        return Accelerator(
            kind="cuda",
            index=index,
            vendor=_VENDOR,
            name=_text(self._ask(nvml.nvmlDeviceGetName, handle)),
            uuid=_text(self._ask(nvml.nvmlDeviceGetUUID, handle)),
            architecture=self._architecture(capability, handle),
            compute_capability=capability,
            memory_total_bytes=None if memory is None else memory.total,
            memory_free_bytes=None if memory is None else memory.free,
            partitioned=None if mig is None else mig[0] == nvml.NVML_DEVICE_MIG_ENABLE,
        )

    def _architecture(self, capability: tuple[int, int] | None, handle: Any) -> str | None:
        if capability is not None:
            return ARCHITECTURES.get(capability)
        return _NVML_ARCHITECTURES.get(self._ask(self._pynvml.nvmlDeviceGetArchitecture, handle))

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """Return the answer, or None where it is not supported, not permitted or not in this driver."""
        try:
            return question(*arguments)
        except self._pynvml.NVMLError as error:
            if error.value in self._lost:
                raise
            return None


def _unreadable(index: int, error: Exception) -> Accelerator:
    return Accelerator(kind="cuda", index=index, vendor=_VENDOR, error=str(error))


def _text(value: str | bytes | None) -> str | None:
    # nvidia-ml-py before 11.510 answered in bytes.
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _cuda_version(number: int | None) -> str | None:
    """Turn NVML's 12080 into `12.8`."""
    return None if number is None else f"{number // 1000}.{number % 1000 // 10}"
