"""What `rocminfo` prints: processors and devices as ROCm's runtime (HSA) numbers them.

Source: ROCm/rocminfo, `rocminfo.cc`.
"""

import re

from autoprec_probe.amd.targets import VENDOR, architecture_of
from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import Accelerator

_WHAT = "rocminfo"
_END = "*** Done ***"
_AGENT = re.compile(r"^\*+\s*\nAgent \d+\s*\n\*+\s*\n", re.MULTILINE)
_POOL = re.compile(r"Segment:\s+GLOBAL; FLAGS: COARSE GRAINED\s*\n\s*Size:\s+(\d+)", re.MULTILINE)


def recognizes(text: str) -> bool:
    """Whether the runtime lists its agents."""
    return "HSA System Attributes" in text or "HSA Agents" in text


def parse(text: str) -> Capture:
    """Return the devices and what is told of the processors."""
    if _END not in text:
        raise CaptureError(f"The text of {_WHAT} is truncated: its last line, {_END!r}, is missing.")
    agents = _AGENT.split(text)[1:]
    devices = [agent for agent in agents if _fact(agent, "Device Type") == "GPU"]
    processors = [agent for agent in agents if _fact(agent, "Device Type") == "CPU"]
    threads = [int(count) for agent in processors if (count := _fact(agent, "Compute Unit") or "").isdecimal()]
    return Capture(
        system="Linux",
        cpu={
            "model_name": _fact(processors[0], "Marketing Name") if processors else None,
            "logical_cores": sum(threads) or None,
        },
        accelerators=tuple(_accelerator(index, agent) for index, agent in enumerate(devices)),
    )


def _fact(agent: str, key: str) -> str | None:
    found = re.search(rf"^  {re.escape(key)}:\s+(.*?)\s*$", agent, re.MULTILINE)
    return found[1] if found and found[1] else None


def _accelerator(index: int, agent: str) -> Accelerator:
    target, pool, uuid = _fact(agent, "Name"), _POOL.search(agent), _fact(agent, "Uuid")
    cores = _fact(agent, "Compute Unit") or ""
    return Accelerator(
        kind="cuda",
        index=index,
        vendor=VENDOR,
        name=_fact(agent, "Marketing Name"),
        uuid=None if uuid is None or uuid.endswith("-XX") else uuid,
        architecture=architecture_of(target),
        gfx_target=target,
        memory_total_bytes=int(pool[1]) * 2**10 if pool else None,
        cores=int(cores) if cores.isdecimal() else None,
    )


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
