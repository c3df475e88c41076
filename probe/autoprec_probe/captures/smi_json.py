"""What the tools of AMD and Intel print as JSON: `amd-smi static --json`, `rocm-smi --json`, `xpu-smi discovery -j`."""

import re
from collections.abc import Callable
from typing import Any

from autoprec_probe.amd.smi import devices_of_amd_smi, devices_of_rocm_smi
from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.captures.text import json_of
from autoprec_probe.errors import CaptureError
from autoprec_probe.intel.gpu import devices_of_xpu_smi
from autoprec_probe.profile import Accelerator

Devices = tuple[Accelerator, ...]


def _format(name: str, mark: str, devices: Callable[[Any], Devices]) -> Format:
    """Make the format of a tool whose JSON holds a mark."""

    def recognizes(text: str) -> bool:
        return text.lstrip()[:1] not in {"", "<"} and re.search(mark, text) is not None

    def parse(text: str) -> Capture:
        found = devices(json_of(text, name))
        if not found:
            raise CaptureError(f"The JSON of {name} names no device.")
        return Capture(system="Linux", accelerators=found)

    return Format(name=name, recognizes=recognizes, parse=parse)


AMD_SMI = _format("amd-smi static --json", r'"(asic|gpu_data)":\s*[{\[]', devices_of_amd_smi)
ROCM_SMI = _format("rocm-smi --json", r'"card\d+":\s*\{', devices_of_rocm_smi)
XPU_SMI = _format("xpu-smi discovery -j", r'"device_list":\s*\[', devices_of_xpu_smi)
