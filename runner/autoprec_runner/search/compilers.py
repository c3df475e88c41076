"""Whether a candidate can be compiled on this machine (free of torch)."""

import os
import shutil
import sys
from importlib.util import find_spec

from autoprec_probe import Candidate, Support
from autoprec_probe.candidate import Device
from autoprec_probe.precision import BITSANDBYTES


def compilable(support: Support, device: Device) -> Support:
    """Return the verdict on a compiled candidate that could run otherwise; refusals stay what they are."""
    candidate = support.candidate
    if not (candidate.compile and support.can_run):
        return support
    if reason := _unfit(candidate):
        update = {"level": "unsupported", "reason": reason, "remedy": f"Try {candidate.precision} without compile."}
        return support.model_copy(update=update)
    compiler = "triton" if device != "cpu" else _cpp_compiler()
    found = find_spec("triton") if device != "cpu" else shutil.which(compiler)
    if found is not None:
        return support
    return support.model_copy(
        update={
            "level": "missing-package",
            "reason": f"torch.compile needs {compiler}, which is not here.",
            "remedy": f"Install {compiler}" + ("." if device != "cpu" else ", or set CXX to another C++ compiler."),
        },
    )


def _unfit(candidate: Candidate) -> str | None:
    if candidate.strategy != "single":
        return f"torch.compile is an option of the strategy 'single' here, not of {candidate.strategy!r}."
    if candidate.emulate:
        return "Emulated numerics are tried for stability alone, so that compiling them says nothing."
    if candidate.precision in BITSANDBYTES:
        return "The kernels of bitsandbytes are called as they are, and torch.compile makes nothing of them."
    return None


def _cpp_compiler() -> str:
    """Return the compiler that TorchInductor calls for a CPU (`torch._inductor.config.cpp.cxx`)."""
    return os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
