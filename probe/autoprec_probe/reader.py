"""The seam between the probe and the machine: everything that detection reads comes through a `Reader`."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Protocol

from autoprec_probe.errors import ReaderError
from autoprec_probe.nvml import NvmlReading, NvmlSession, read_nvml
from autoprec_probe.telemetry import DeviceTelemetry

_COMMAND_TIMEOUT_SECONDS = 10
_SCRIPT_TIMEOUT_SECONDS = 60
"""A first import of torch from a cold disk takes half of this."""


class Reader(Protocol):
    """Reads raw facts of one machine and interprets none of them.

    What a machine does not have is None; it is an error only if it exists and cannot be read. A reader may be asked
    for the same fact more than once. `autoprec_probe.testing.FakeReader` replays captured machines.
    """

    @property
    def system(self) -> str:
        """The operating system: Linux, Darwin, Windows."""

    @property
    def machine(self) -> str:
        """The instruction set as the operating system spells it (`uname -m`)."""

    @property
    def python_version(self) -> str:
        """The version of the running interpreter."""

    @property
    def logical_cores(self) -> int | None:
        """Logical cores that are online."""

    @property
    def usable_cores(self) -> int | None:
        """Logical cores that this process may use, after affinity."""

    def read_text(self, path: str) -> str | None:
        """Return the text of a file of /proc or /sys, None where there is none or a sandbox hides it.

        Raises:
            ReaderError: The file exists and could not be read.
        """

    def list_directory(self, path: str) -> tuple[str, ...] | None:
        """Return the sorted names in a folder of /proc, /sys or /dev, None where there is none.

        Raises:
            ReaderError: The folder exists and could not be read.
        """

    def environment(self, name: str) -> str | None:
        """Return an environment variable, None where it is not set."""

    def command(self, *words: str) -> str | None:
        """Return what a vendor's tool printed, None where it is not installed or ended with an error.

        Raises:
            ReaderError: It did not answer in time.
        """

    def sysctl(self) -> str | None:
        """Return the `hw` and `machdep.cpu` lines of macOS's sysctl, None on other systems.

        Raises:
            ReaderError: The command exists and did not answer.
        """

    def package_version(self, name: str) -> str | None:
        """Return the version of an installed distribution without importing it, None where it is not installed."""

    def package_text(self, name: str, path: str) -> str | None:
        """Return a text file of an installed distribution, by its path below site-packages; None where there is none.

        Raises:
            ReaderError: The file exists and could not be read.
        """

    def nvml(self) -> NvmlReading:
        """Return what the NVIDIA driver tells; an empty reading where there is no driver."""

    def nvml_telemetry(self) -> tuple[DeviceTelemetry, ...]:
        """Return what NVIDIA's devices are doing now; nothing where there is no driver."""

    def python(self, script: str) -> str | None:
        """Return what a script printed that a child process ran in this interpreter, None where it failed.

        Raises:
            ReaderError: It did not end in time.
        """


class HostReader:
    """The reader of the machine that this process runs on."""

    @property
    def system(self) -> str:
        """The operating system of this machine."""
        return platform.system()

    @property
    def machine(self) -> str:
        """The instruction set of this machine (of the emulated one under emulation)."""
        return platform.machine()

    @property
    def python_version(self) -> str:
        """The version of this interpreter."""
        return platform.python_version()

    @property
    def logical_cores(self) -> int | None:
        """Logical cores of this machine."""
        return os.cpu_count()

    @property
    def usable_cores(self) -> int | None:
        """Logical cores that this process may use; all of them where the system knows no affinity."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

    def read_text(self, path: str) -> str | None:
        """Return the text of a file of this machine, or None."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None
        except OSError as e:
            raise ReaderError(f"Cannot read {path}: {e}") from e

    def list_directory(self, path: str) -> tuple[str, ...] | None:
        """Return the sorted names in a folder of this machine, or None."""
        try:
            return tuple(sorted(each.name for each in Path(path).iterdir()))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None
        except OSError as e:
            raise ReaderError(f"Cannot list {path}: {e}") from e

    def environment(self, name: str) -> str | None:
        """Return a variable of this process's environment, or None."""
        return os.environ.get(name)

    def command(self, *words: str) -> str | None:
        """Return what a vendor's tool of this machine printed, or None."""
        return _output(words, timeout_seconds=_COMMAND_TIMEOUT_SECONDS, what=" ".join(words))

    def sysctl(self) -> str | None:
        """Return macOS's sysctl lines, or None."""
        return self.command("/usr/sbin/sysctl", "hw", "machdep.cpu") if self.system == "Darwin" else None

    def package_version(self, name: str) -> str | None:
        """Return the version of a distribution installed here, or None."""
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    def package_text(self, name: str, path: str) -> str | None:
        """Return a text file of a distribution installed here, or None."""
        try:
            return self.read_text(str(distribution(name).locate_file(path)))
        except PackageNotFoundError:
            return None

    def nvml(self) -> NvmlReading:
        """Return what this machine's NVIDIA driver told when it was first asked."""
        return self._nvml

    @cached_property
    def _nvml(self) -> NvmlReading:
        return read_nvml()

    def nvml_telemetry(self) -> tuple[DeviceTelemetry, ...]:
        """Return what this machine's NVIDIA devices are doing; the connection to the driver is kept."""
        return self._nvml_session.read()

    @cached_property
    def _nvml_session(self) -> NvmlSession:
        return NvmlSession()

    def python(self, script: str) -> str | None:
        """Return what a script printed in a child of this process, or None."""
        words = (sys.executable, "-c", script)
        return _output(words, timeout_seconds=_SCRIPT_TIMEOUT_SECONDS, what="a script in a child process")


def _output(words: Sequence[str], *, timeout_seconds: float, what: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 (detectors name constant commands)
            words,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            stdin=subprocess.DEVNULL,
        )
    except (FileNotFoundError, PermissionError):
        return None
    except subprocess.TimeoutExpired as e:
        raise ReaderError(f"{what} did not answer within {timeout_seconds:g} s") from e
    except OSError as e:
        raise ReaderError(f"{what} did not answer: {e}") from e
    return done.stdout if done.returncode == 0 else None
