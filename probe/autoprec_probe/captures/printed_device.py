"""One NVIDIA device as nvidia-smi prints it, whatever the layout: texts with their units."""

import re
from dataclasses import dataclass

from autoprec_probe.nvidia import ARCHITECTURES
from autoprec_probe.profile import Accelerator, Slice

MEBIBYTE = 2**20
"""Drivers before 331 print MB and mean it."""

_UNTOLD = frozenset(
    {
        "",
        "ERR!",
        "Insufficient Permissions",
        "N/A",
        "None",
        "Not Available",
        "Not Found",
        "Not Supported",
        "Requested functionality has been deprecated",
        "Unknown",
    },
)
"""What stands in the place of a value that a driver does not tell."""

_LOST = frozenset({"ERR!", "GPU is lost", "GPU requires reset", "GPU requires restart", "Unknown Error"})
"""What stands in the place of the name of a device that does not answer."""


@dataclass(frozen=True, kw_only=True)
class PrintedDevice:
    """Texts as they stand in a capture; None where there are none."""

    name: str | None = None
    uuid: str | None = None
    architecture: str | None = None
    compute_capability: str | None = None
    memory_total: str | None = None
    memory_free: str | None = None
    mig_mode: str | None = None
    power_limit: str | None = None
    pcie_generation: str | None = None
    pcie_width: str | None = None
    slices: tuple[Slice, ...] = ()

    def accelerator(self, index: int) -> Accelerator:
        """Return the device; one that did not answer is an entry with what was printed instead of its name."""
        name = (self.name or "").strip("[] ")
        if name in _LOST:
            return lost_device(index, f"nvidia-smi printed {name!r} in place of its name")
        capability = _capability(self.compute_capability)
        return Accelerator(
            kind="cuda",
            index=index,
            vendor="NVIDIA",
            name=told(self.name),
            uuid=told(self.uuid),
            architecture=_architecture(self.architecture) if capability is None else ARCHITECTURES.get(capability),
            compute_capability=capability,
            memory_total_bytes=mebibytes(self.memory_total),
            memory_free_bytes=mebibytes(self.memory_free),
            partitioned=_mode(self.mig_mode),
            slices=self.slices,
            power_limit_watts=_number(self.power_limit),
            pcie_generation=_whole(self.pcie_generation),
            pcie_width=_whole(self.pcie_width),
        )


def lost_device(index: int, error: str) -> Accelerator:
    """Return the entry of a device that could not be read."""
    return Accelerator(kind="cuda", index=index, vendor="NVIDIA", error=error)


def told(text: str | None) -> str | None:
    """Return a text, None where it says that there is nothing to tell."""
    words = (text or "").strip()
    return None if words.strip("[]") in _UNTOLD else words


def version(text: str | None) -> str | None:
    """Return a version without the remarks that newer drivers append."""
    words = told(text)
    return words.split()[0] if words else None


def mebibytes(text: str | None) -> int | None:
    """Return the bytes of a text such as `81559 MiB`, None where it is none."""
    found = re.fullmatch(r"\s*(\d+)\s*Mi?B\s*", text or "")
    return int(found[1]) * MEBIBYTE if found else None


def system_of(driver_model: str | None) -> str | None:
    """Return the operating system: only Windows has driver models."""
    return "Windows" if (driver_model or "").strip() in {"WDDM", "TCC", "MCDM"} else None


def _architecture(text: str | None) -> str | None:
    """Turn `Ada Lovelace` into `ada`."""
    words = told(text)
    return words.split()[0].lower() if words else None


def _capability(text: str | None) -> tuple[int, int] | None:
    found = re.fullmatch(r"\s*(\d+)\.(\d+)\s*", text or "")
    return (int(found[1]), int(found[2])) if found else None


def _mode(text: str | None) -> bool | None:
    """Return what a mode is now; a star behind it says that another is pending."""
    return {"Enabled": True, "Disabled": False}.get((text or "").strip(" *"))


def _number(text: str | None) -> float | None:
    found = re.match(r"\s*(\d+(?:\.\d+)?)", text or "")
    return float(found[1]) if found else None


def _whole(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else int(number)
