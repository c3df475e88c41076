"""How much memory the steps of a trial take, on the device that they run on."""

import contextlib
import ctypes
import gc
import resource
import sys
from pathlib import Path

import torch

from autoprec_runner.strategy.xla_library import peak_memory_bytes


class MemoryMeter:
    """Peak memory of this process above a baseline, in bytes.

    On an accelerator the allocator's own peak (`torch.cuda.max_memory_allocated`; XLA's, which cannot be reset, counts
    compilation too). On a CPU the resident set's
    high-water mark (VmHWM in proc(5), reset through clear_refs) above the resident set at construction, which a trial
    does before it loads its workload: so the weights count, torch's own libraries do not, nor do pages of libraries
    that are touched for the first time later on (RssFile): they would drown a small model.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        _give_back()
        self._baseline_bytes = _resident_bytes()
        self._mapped_bytes = _mapped_bytes()

    def reset(self) -> None:
        """Forget peaks so far, and give back what loading and conversion left behind."""
        _give_back()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self._device)
        elif sys.platform == "linux":
            # Where the kernel refuses (a restricted container), the peak since the start stands.
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    @property
    def peak_bytes(self) -> int:
        """Peak since the last reset, above the baseline."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        if self._device.type == "xla" and (counted := peak_memory_bytes(self._device)) is not None:
            return counted
        libraries = max(0, _mapped_bytes() - self._mapped_bytes)
        return max(0, _high_water_bytes() - self._baseline_bytes - libraries)

    @property
    def now_bytes(self) -> int:
        """What is held at this moment: the allocator's count, or the resident set of this process."""
        return torch.cuda.memory_allocated(self._device) if self._device.type == "cuda" else _held_bytes()


def _give_back() -> None:
    """Collect garbage and return free memory to the system: the resident set then holds what is in use."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # only glibc has malloc_trim
        ctypes.CDLL(None).malloc_trim(0)


def _resident_bytes() -> int:
    if sys.platform == "linux":
        return _status_bytes("VmRSS")
    return _high_water_bytes()


def _held_bytes() -> int:
    """Return the resident set without mapped files, by proc(5)'s statm, which is quick to read; 0 where unknown."""
    if sys.platform != "linux":
        return 0
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text(encoding="ascii").split())
    return (resident - shared) * resource.getpagesize()


def _high_water_bytes() -> int:
    if sys.platform == "linux":
        return _status_bytes("VmHWM")
    # getrusage(2): bytes on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _mapped_bytes() -> int:
    """Return what is resident of mapped files; 0 where the system does not tell."""
    return _status_bytes("RssFile") if sys.platform == "linux" else 0


def _status_bytes(field: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(field + ":"))) * 1024
