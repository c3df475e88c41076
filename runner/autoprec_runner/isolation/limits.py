"""What a child process may take of the machine, and how it ends when its parent does."""

import ctypes
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux, prctl(2) PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def limit_memory(allowed_bytes: int) -> None:
    """Let this process allocate at most `allowed_bytes` more private memory than it has now.

    RLIMIT_DATA counts private writable mappings (getrlimit(2), Linux 4.7 and later); an allocation beyond it fails, so
    that the trial ends with an error of its own instead of by the kernel's out-of-memory killer. RLIMIT_AS would also
    count address space that libraries reserve and never touch.
    """
    if sys.platform == "linux":
        limit = _data_bytes() + allowed_bytes
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _data_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmData:"))
    return int(kilobytes) * 1024
