"""A machine made of values, for tests here and of third parties."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autoprec_probe.nvml import NvmlReading
from autoprec_probe.telemetry import DeviceTelemetry


@dataclass(frozen=True, kw_only=True)
class FakeReader:
    """A `Reader` that answers with what it was given; what it was not given, the machine does not have.

    A captured /proc/cpuinfo is replayed by `FakeReader(machine="aarch64", files={"/proc/cpuinfo": text})`.
    """

    system: str = "Linux"
    machine: str = "x86_64"
    python_version: str = "3.11.0"
    logical_cores: int | None = None
    usable_cores: int | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    package_files: Mapping[str, str] = field(default_factory=dict)
    sysctl_text: str | None = None
    nvml_reading: NvmlReading = field(default_factory=NvmlReading)
    nvml_devices: tuple[DeviceTelemetry, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)

    def read_text(self, path: str) -> str | None:
        """Return the given text of this path, or None."""
        return self.files.get(path)

    def list_directory(self, path: str) -> tuple[str, ...] | None:
        """Return the first part of every given path below this one, or None where there is none."""
        below = path.rstrip("/") + "/"
        names = {each.removeprefix(below).partition("/")[0] for each in self.files if each.startswith(below)}
        return tuple(sorted(names)) or None

    def environment(self, name: str) -> str | None:
        """Return the given variable, or None."""
        return self.variables.get(name)

    def command(self, *words: str) -> str | None:
        """Return the given output of this command, or None."""
        return self.commands.get(words)

    def sysctl(self) -> str | None:
        """Return the given lines, or None."""
        return self.sysctl_text

    def package_version(self, name: str) -> str | None:
        """Return the given version, or None."""
        return self.packages.get(name)

    def package_text(self, name: str, path: str) -> str | None:
        """Return the given text of a file of a given distribution, or None."""
        return self.package_files.get(path) if name in self.packages else None

    def nvml(self) -> NvmlReading:
        """Return the given reading, or that of a machine without an NVIDIA driver."""
        return self.nvml_reading

    def nvml_telemetry(self) -> tuple[DeviceTelemetry, ...]:
        """Return the given live values."""
        return self.nvml_devices

    def python(self, script: str) -> str | None:
        """Return the given output of this script, or None."""
        return self.scripts.get(script)
