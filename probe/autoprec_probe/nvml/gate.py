"""The gate to NVIDIA's management library (NVML): nothing else of autoprec calls it.

A question that a device or an old driver does not serve is answered with None, a device that fell off the bus answers
none.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Self, TypeVar

from autoprec_probe.errors import ReaderError

if TYPE_CHECKING:
    from collections.abc import Callable

_Entry = TypeVar("_Entry")

_VITAL = frozenset({"nvmlDeviceGetName", "nvmlDeviceGetMemoryInfo"})
"""Questions that a device in order answers or declines; to others, some answer with an unknown error all their life."""


class DeviceLostError(ReaderError):
    """A device that is listed and does not answer: it fell off the bus, or waits for a reset."""


class Nvml:
    """An initialised connection to the driver, to be closed after use; for one thread at a time."""

    def __init__(self, pynvml: Any) -> None:
        self._pynvml = pynvml
        self._lost = {
            pynvml.NVML_ERROR_UNINITIALIZED,
            pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
            pynvml.NVML_ERROR_GPU_IS_LOST,
            pynvml.NVML_ERROR_RESET_REQUIRED,
        }

    @classmethod
    def connect(cls) -> Self | None:
        """Return a connection, None where there is no driver.

        Raises:
            ReaderError: There is a driver and it refuses to answer (after an upgrade without a restart, say).
        """
        pynvml = _library()
        try:
            _initialise(pynvml)
        except pynvml.NVMLError as error:
            if error.value in {pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED}:
                return None
            raise ReaderError(f"{error}{_way_out(pynvml, error)}") from error
        return cls(pynvml)

    def close(self) -> None:
        """End the connection; what the driver says to that does not matter."""
        with suppress(self._pynvml.NVMLError):
            self._pynvml.nvmlShutdown()

    def ask(self, question: str, *arguments: Any) -> Any:
        """Return the answer, or None where it is not supported, not permitted or not in this driver.

        Args:
            question: The name of a function of pynvml.
            arguments: What it takes.

        Raises:
            DeviceLostError: The device does not answer any more.
        """
        function = getattr(self._pynvml, question, None)
        if function is None:
            return None
        try:
            return function(*arguments)
        except self._pynvml.NVMLError as error:
            if error.value in self._lost or (question in _VITAL and error.value == self._pynvml.NVML_ERROR_UNKNOWN):
                raise DeviceLostError(str(error)) from error
            return None
        except UnicodeDecodeError:  # a text of no use: garbled memory of a device that is about to be lost
            return None

    def ask_driver(self, question: str) -> Any:
        """Return the answer to a question that is about no device, None where there is none."""
        with suppress(DeviceLostError):
            return self.ask(question)
        return None

    def constant(self, name: str) -> Any:
        """Return a number of nvml.h."""
        return getattr(self._pynvml, name)

    def devices(self, read: Callable[[int, Any], _Entry], unreadable: Callable[[int, str], _Entry]) -> list[_Entry]:
        """Return one entry for each device that this process may touch, in the order of their PCI addresses.

        Args:
            read: Makes an entry from the index and the handle of a device.
            unreadable: Makes an entry from an index and the reason why this device could not be read.
        """
        try:
            count = self._pynvml.nvmlDeviceGetCount()
        except self._pynvml.NVMLError as error:
            return [unreadable(0, str(error))]
        return [entry for index in range(count) for entry in self._device(index, read, unreadable)]

    def _device(
        self,
        index: int,
        read: Callable[[int, Any], _Entry],
        unreadable: Callable[[int, str], _Entry],
    ) -> tuple[_Entry, ...]:
        """Return the entry of a device, none where a container or a batch system gave it to others."""
        try:
            return (read(index, self._pynvml.nvmlDeviceGetHandleByIndex(index)),)
        except self._pynvml.NVMLError as error:
            denied = error.value == self._pynvml.NVML_ERROR_NO_PERMISSION
            return () if denied else (unreadable(index, str(error)),)
        except DeviceLostError as error:
            return (unreadable(index, str(error)),)


def library_is_loaded() -> bool:
    """Return whether NVML's library was found, with or without a driver behind it."""
    return _library().nvmlLib is not None


@cache
def _library() -> Any:
    import pynvml  # noqa: PLC0415 (15 ms that nobody need pay at import)

    return pynvml


def _initialise(pynvml: Any) -> None:
    """Initialise the library; one that was replaced by a driver upgrade since it was loaded is loaded anew."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if error.value != pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH or not _unload(pynvml):
            raise
        pynvml.nvmlInit()


def _unload(pynvml: Any) -> bool:
    """Return whether the library could be unloaded; while somebody else of this process is connected it stays.

    pynvml loads it once for the life of a process, and so would keep the old one after an upgrade. It has no function
    to unload it; a version of pynvml that keeps its state elsewhere is left alone.
    """
    connected, functions = (
        getattr(pynvml, name, None) for name in ("_nvmlLib_refcount", "_nvmlGetFunctionPointer_cache")
    )
    if os.name != "posix" or connected != 0 or functions is None:
        return False
    ctypes.CDLL(None).dlclose(ctypes.c_void_p(pynvml.nvmlLib._handle))  # noqa: SLF001 (ctypes has no other way)
    pynvml.nvmlLib = None
    functions.clear()
    return True


def _way_out(pynvml: Any, error: Any) -> str:
    if error.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return " The driver was upgraded while it was in use: restart the machine, or reload its kernel module."
    return ""
