"""What amdgpu_top prints as JSON (`amdgpu_top --dump --json`, or one line of `amdgpu_top --json`).

Source: Umio-Yasuno/amdgpu_top, `docs/` and `crates/amdgpu_top_json`.
"""

from collections.abc import Iterator
from typing import Any

from autoprec_probe.amd.targets import TARGETS_BY_ID, VENDOR, architecture_of
from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.captures.text import json_of
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import Accelerator

_WHAT = "amdgpu_top --json"


def recognizes(text: str) -> bool:
    """Whether devices are told by the names of this tool."""
    return '"amdgpu_top_version"' in text or ('"DeviceName"' in text and '"ASIC Name"' in text)


def parse(text: str) -> Capture:
    """Return the devices in the order of the tool."""
    entries = list(_devices(json_of(text, _WHAT)))
    if not entries:
        raise CaptureError(f"The JSON of {_WHAT} names no device.")
    rocm = next((each["ROCm Version"] for each in entries if each.get("ROCm Version")), None)
    return Capture(
        system="Linux",
        accelerators=tuple(_accelerator(index, each) for index, each in enumerate(entries)),
        software={} if rocm is None else {"rocm": str(rocm)},
    )


def _devices(answer: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects that describe a device, however deep releases put them."""
    if isinstance(answer, dict) and "DeviceName" in answer and "ASIC Name" in answer:
        yield answer
    elif isinstance(answer, list | dict):
        for each in answer.values() if isinstance(answer, dict) else answer:
            yield from _devices(each)


def _accelerator(index: int, entry: dict[str, Any]) -> Accelerator:
    target = entry.get("gfx_target_version") or TARGETS_BY_ID.get(_whole(entry.get("DeviceID")) or -1)
    total, used = _whole(entry.get("VRAM Size")), _whole(entry.get("VRAM Usage Size"))
    cap, link = entry.get("Power Cap") or {}, (entry.get("PCIe Link") or {}).get("max_dpm_link") or {}
    return Accelerator(
        kind="cuda",
        index=index,
        vendor=VENDOR,
        name=entry.get("DeviceName"),
        architecture=architecture_of(target),
        gfx_target=target,
        memory_total_bytes=total,
        memory_free_bytes=None if total is None or used is None else total - used,
        cores=_whole(entry.get("Total Compute Unit")),
        power_limit_watts=_whole(cap.get("current")),
        pcie_generation=_whole(link.get("gen")),
        pcie_width=_whole(link.get("width")),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
