"""What refuses a candidate before its arithmetic matters: strategy, device, packages, meaningless options."""

from collections.abc import Callable

from autoprec_probe.candidate import KEEPING
from autoprec_probe.rules.bitsandbytes import bitsandbytes_gate
from autoprec_probe.rules.builds import cuda_build_gate
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.strategies import deepspeed_gate, strategy_gate
from autoprec_probe.verdict import Verdict

_INSTALL_GUIDE = "https://pytorch.org/get-started/locally/"

Gate = Callable[[Case], Verdict | None]


def device_gate(case: Case) -> Verdict | None:
    """Refuse devices that are not there or do not answer."""
    if case.device == "cpu" or case.accelerator is not None:
        return None
    errors = [each.error for each in case.profile.accelerators if each.kind == case.device and each.error]
    if errors:
        return Verdict(
            level="unsupported",
            reason=f"The {case.device!r} device of this machine could not be read: {errors[0]}.",
            remedy="Check the device and its driver, then probe again.",
        )
    return Verdict(
        level="unsupported",
        reason=f"This machine has no {case.device!r} device.",
        remedy=f"Use device {case.profile.default_device!r}.",
    )


def torch_gate(case: Case) -> Verdict | None:
    """Refuse where torch is not installed; a profile that was not asked about torch is given the benefit of doubt."""
    if not case.lacks("torch"):
        return None
    return Verdict(
        level="missing-package",
        reason="PyTorch (the package torch) is not installed.",
        remedy=f"pip install torch (which build fits the device: {_INSTALL_GUIDE})",
        source=_INSTALL_GUIDE,
    )


def torch_build_gate(case: Case) -> Verdict | None:
    """Refuse devices that the installed build of torch cannot use, by its own word or the suffix of its version."""
    version = case.profile.software.packages.get("torch") or ""
    build = case.profile.software.torch_build or version.partition("+")[2]
    foreign = _FOREIGN_BUILDS.get(case.platform, ())
    if not build or not build.startswith(foreign):
        return None
    return Verdict(
        level="missing-package",
        reason=f"The installed build of PyTorch ({version}) cannot use {case.device_name}.",
        remedy=f"Install the build for this device: {_INSTALL_GUIDE}",
        source=_INSTALL_GUIDE,
    )


_FOREIGN_BUILDS: dict[str, tuple[str, ...]] = {
    "nvidia": ("cpu", "rocm", "xpu"),
    "amd": ("cpu", "cu", "xpu"),
    "xpu": ("cpu", "cu", "rocm"),
}
"""The beginnings of the version suffixes (`2.9.0+cpu`) of builds that leave a platform unused."""


def xla_gate(case: Case) -> Verdict | None:
    """Refuse TPUs and the strategy `xla` where torch-xla is not installed, or is for another torch."""
    if case.platform != "tpu" and case.candidate.strategy != "xla":
        return None
    name = "torch-xla[tpu]" if case.platform == "tpu" else "torch-xla"
    if case.lacks("torch-xla"):
        who = "PyTorch reaches a TPU" if case.platform == "tpu" else "The strategy 'xla' runs"
        reason = f"{who} only through torch-xla, which is not installed."
        version = _NEWEST_XLA
    else:
        torch, xla = (case.profile.software.packages.get(each) for each in ("torch", "torch-xla"))
        if torch is None or xla is None or _minor(torch) == _minor(xla):
            return None
        reason = f"torch-xla {xla} is built for torch {_minor(xla)}, and torch {torch} is installed."
        version = _minor(xla)
    return Verdict(
        level="missing-package",
        reason=reason,
        remedy=f"pip install 'torch=={version}.*' '{name}=={version}.*' (they go together)",
        source="https://docs.pytorch.org/xla/",
    )


_NEWEST_XLA = "2.9"
"""The newest minor version of torch-xla, which torch must share."""


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def matmul_gate(case: Case) -> Verdict | None:
    """Refuse a lower matmul precision where the weights are not multiplied in fp32 anyway."""
    candidate = case.candidate
    if candidate.matmul_precision == "highest" or candidate.precision == "32-true":
        return None
    return Verdict(
        level="unsupported",
        reason=f"matmul_precision={candidate.matmul_precision!r} changes fp32 matrix products only, and with "
        f"{candidate.precision} the products that matter are not fp32.",
        remedy="Use matmul_precision='highest', or the precision 32-true.",
        source="https://docs.pytorch.org/docs/stable/generated/torch.set_float32_matmul_precision.html",
    )


def keep_gate(case: Case) -> Verdict | None:
    """Refuse modules in fp32 where the precision has no half precision around them, or another owner of the step."""
    candidate = case.candidate
    if not candidate.keep_fp32 or (candidate.precision in KEEPING and candidate.strategy == "single"):
        return None
    return Verdict(
        level="unsupported",
        reason=f"keep_fp32 leaves modules of a half precision in fp32, under strategy 'single'; {candidate.precision} "
        f"under {candidate.strategy!r} cannot.",
        remedy=f"Use {', '.join(KEEPING)} with strategy='single', or leave keep_fp32 out.",
    )


def emulation_gate(case: Case) -> Verdict | None:
    """Refuse emulation of a format for which there is none."""
    candidate = case.candidate
    if not candidate.emulate or case.number_format == "emulated-fp8":
        return None
    return Verdict(
        level="unsupported",
        reason=f"Only the numbers of FP8 are emulated, and {candidate.precision} computes in {case.number_format}.",
        remedy="Leave emulate out, or emulate transformer-engine.",
    )


GATES: tuple[Gate, ...] = (
    strategy_gate,
    matmul_gate,
    keep_gate,
    emulation_gate,
    device_gate,
    torch_gate,
    torch_build_gate,
    cuda_build_gate,
    xla_gate,
    bitsandbytes_gate,
    deepspeed_gate,
)
"""In the order in which they are asked: what no installation can mend comes first."""
