"""macOS's `sysctl hw machdep.cpu` (or `sysctl -a`)."""

import re

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.errors import CaptureError
from autoprec_probe.macos import cpu_of, gpu_of, sysctl_facts

_WHAT = "macOS sysctl"


def recognizes(text: str) -> bool:
    """Whether lines begin with macOS's names of the processor."""
    return re.search(r"^(hw\.(ncpu|memsize|cputype)|machdep\.cpu\.\w+):", text, re.MULTILINE) is not None


def parse(text: str) -> Capture:
    """Return the processor and, of an Apple one, the GPU."""
    last = text.rstrip().rpartition("\n")[2]
    if ":" not in last:
        raise CaptureError(f"{_WHAT} is truncated: it breaks off at {last!r}.")
    facts = sysctl_facts(text)
    arm = "hw.optional.arm64" in facts or any(name.startswith("hw.optional.arm.") for name in facts)
    if "machdep.cpu.brand_string" not in facts and "machdep.cpu.model" not in facts and not arm:
        raise CaptureError(f"{_WHAT} is truncated: it names no processor (machdep.cpu.brand_string or .model).")
    return Capture(system="Darwin", cpu=cpu_of(facts, "arm64" if arm else "x86_64"), accelerators=gpu_of(facts))


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
