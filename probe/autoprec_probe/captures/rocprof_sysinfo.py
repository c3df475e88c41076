"""The sysinfo.csv that rocprof-compute (once Omniperf) writes beside each profile.

Source: ROCm/rocprofiler-compute, `src/utils/specs.py`. It tells of one device, however many there are.
"""

import csv

from autoprec_probe.amd.targets import VENDOR, architecture_of
from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import Accelerator

_WHAT = "rocprof-compute sysinfo.csv"
_UNKNOWN = frozenset({"", "NA", "N/A", "None"})


def recognizes(text: str) -> bool:
    """Whether the first line has its columns."""
    first = text.lstrip().partition("\n")[0]
    return "gpu_arch" in first and "cu_per_gpu" in first


def parse(text: str) -> Capture:
    """Return the device and the processor's name and memory."""
    header, *rows = csv.reader(text.strip().splitlines())
    if not rows or len(rows[0]) != len(header):
        raise CaptureError(f"{_WHAT} is truncated: {len(header)} columns, and {len(rows[0]) if rows else 0} values.")
    facts = {name: value for name, value in zip(header, rows[0], strict=True) if value not in _UNKNOWN}
    target, model = facts.get("gpu_arch"), facts.get("gpu_model", "").partition("_")[0]
    mode, memory = facts.get("compute_partition"), facts.get("cpu_memory", "")
    return Capture(
        system="Linux",
        cpu={
            "model_name": facts.get("cpu_model"),
            "memory_total_bytes": int(memory) * 2**10 if memory.isdecimal() else None,
        },
        accelerators=(
            Accelerator(
                kind="cuda",
                index=0,
                vendor=VENDOR,
                name=f"AMD Instinct {model}" if model.startswith("MI") else model or None,
                architecture=architecture_of(target),
                gfx_target=target,
                partitioned=None if mode is None else mode != "SPX",
                cores=int(facts["cu_per_gpu"]) if facts.get("cu_per_gpu", "").isdecimal() else None,
            ),
        ),
        software={"rocm": facts["rocm_version"].partition("-")[0]} if "rocm_version" in facts else {},
    )


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
