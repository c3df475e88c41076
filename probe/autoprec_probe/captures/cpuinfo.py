"""Linux's /proc/cpuinfo (and what of /proc/meminfo follows it in the same file)."""

import re

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.core_kinds import arm_core_kinds
from autoprec_probe.cpu import memory_total_bytes
from autoprec_probe.cpuinfo import CpuInfo, hexadecimal
from autoprec_probe.errors import CaptureError
from autoprec_probe.features import instruction_family
from autoprec_probe.identity import identify
from autoprec_probe.microarchitecture import power_generation
from autoprec_probe.topology import listed_cores, listed_threads_per_core

_WHAT = "/proc/cpuinfo"
_LITTLE_ENDIAN_POWER = 8
"""From POWER8 on, Linux distributions are little endian; the text does not tell."""
_LISTS = ("flags", "Features")
"""Lists of features, after which every kernel says more."""


def recognizes(text: str) -> bool:
    """Whether processors are listed, or the maker is IBM's mainframe."""
    return re.search(r"^processor\s*:|^vendor_id\s*:\s*IBM/S390", text, re.MULTILINE | re.IGNORECASE) is not None


def parse(text: str) -> Capture:
    """Return the processor; the instruction set is told by which keys there are."""
    cpuinfo = CpuInfo.parse(text)
    architecture = architecture_of(cpuinfo)
    if architecture is None:
        raise CaptureError(f"{_WHAT} is truncated or garbled: nothing in it tells the instruction set.")
    family = instruction_family(architecture)
    _check_complete(text, cpuinfo, family)
    identity = identify(family, cpuinfo)
    told = {
        "physical_cores": listed_cores(cpuinfo),
        "logical_cores": cpuinfo.processors,
        "threads_per_core": listed_threads_per_core(cpuinfo),
        "core_kinds": arm_core_kinds(cpuinfo),
        "memory_total_bytes": memory_total_bytes(text),
    }
    return Capture(system="Linux", cpu={"architecture": architecture, **identity, **told})


def architecture_of(cpuinfo: CpuInfo) -> str | None:
    """Return the instruction set as `uname -m` spells it, None where no key tells it."""
    if cpuinfo.first("vendor_id") == "IBM/S390":
        return "s390x"
    if cpuinfo.first("flags") is not None or cpuinfo.first("cpu family") is not None:
        return "x86_64" if "lm" in cpuinfo.common_words("flags") or not cpuinfo.first("flags") else "i686"
    if (isa := cpuinfo.first("isa")) is not None and re.match(r"rv(32|64)", isa):
        return f"riscv{isa[2:4]}"
    if (cpu := cpuinfo.first("cpu")) is not None and (generation := power_generation(cpu)) is not None:
        return "ppc64le" if generation >= _LITTLE_ENDIAN_POWER else "ppc64"
    if "loongarch64" in (cpuinfo.first("ISA") or ""):
        return "loongarch64"
    return _arm_architecture(cpuinfo) if {"CPU implementer", "Features"} & set(cpuinfo.blocks[-1]) else None


def _arm_architecture(cpuinfo: CpuInfo) -> str:
    """Return aarch64 where the text is that of a 64-bit kernel, which alone names `asimd`."""
    if "asimd" in cpuinfo.common_words("Features"):
        return "aarch64"
    headline = f"{cpuinfo.first('Processor')} {cpuinfo.first('model name')}"  # an ARMv6 says architecture 7
    version = re.search(r"\(v([67])l\)", headline) or re.match(r"([67])", cpuinfo.first("CPU architecture") or "")
    return f"armv{version[1]}l" if version else "armv7l"


_ESSENTIAL = {"x86": "flags", "arm": "CPU part", "power": "cpu", "riscv": "isa"}
"""What every processor of a family must tell: without it nothing is known of it."""


def _check_complete(text: str, cpuinfo: CpuInfo, family: str) -> None:
    """Refuse a text that breaks off or whose identity numbers are none."""
    essential = _ESSENTIAL.get(family)
    if essential and essential not in cpuinfo.blocks[-1]:
        raise CaptureError(f"{_WHAT} is truncated: its last processor tells no {essential!r}.")
    last_line = text.rstrip().rpartition("\n")[2]
    if last_line.partition(":")[0].strip() in _LISTS and not text.endswith("\n"):
        raise CaptureError(f"{_WHAT} is truncated: it breaks off within the list of features.")
    if family == "x86" and (cpuinfo.number("cpu family") is None or cpuinfo.number("model") is None):
        raise CaptureError(f"{_WHAT} is garbled: 'cpu family' or 'model' is missing or no number.")
    if family == "arm" and hexadecimal(cpuinfo.first("CPU implementer") or "") < 0:
        raise CaptureError(f"{_WHAT} is garbled: 'CPU implementer' is missing or no number.")
    if family == "s390" and "machine = " not in (cpuinfo.first("processor 0") or ""):
        raise CaptureError(f"{_WHAT} is truncated: it tells no machine type.")


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
