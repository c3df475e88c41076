"""Linux's /proc/meminfo."""

import re

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.cpu import memory_total_bytes


def recognizes(text: str) -> bool:
    """Whether the total is told the way Linux does."""
    return re.search(r"^MemTotal:\s+\d+ kB", text, re.MULTILINE) is not None


def parse(text: str) -> Capture:
    """Return how much memory there is."""
    return Capture(system="Linux", cpu={"memory_total_bytes": memory_total_bytes(text)})


FORMAT = Format(name="/proc/meminfo", recognizes=recognizes, parse=parse)
