"""PyTorch without a framework on top."""

from typing import Any

from autoprec_probe.candidate import Candidate, Device
from autoprec_runner.trial import Mode
from autoprec_service.frameworks.dtypes import MIXED, TRUE
from autoprec_service.frameworks.requirements import require


def torch(candidate: Candidate, device: Device, mode: Mode) -> dict[str, Any]:
    """Return what plain PyTorch needs.

    `autocast` holds the arguments of `torch.autocast`, `grad_scaler` those of `torch.amp.GradScaler`, `weights_dtype`
    is for `model.to()`, `float32_matmul_precision` for `torch.set_float32_matmul_precision()`; `compile` is there, and
    true, where `model.compile()` is to be called afterwards.

    Raises:
        ExportError: It cannot express the candidate.
    """
    precision = candidate.precision
    require(candidate, "Plain PyTorch", {*MIXED, *TRUE})
    mixed = precision in MIXED
    return {
        "autocast": {"device_type": device, "dtype": MIXED[precision] if mixed else None, "enabled": mixed},
        "grad_scaler": {"device": device, "enabled": precision == "16-mixed" and mode == "train"},
        "weights_dtype": "float32" if mixed else TRUE[precision],
        "float32_matmul_precision": candidate.matmul_precision,
        **({"compile": True} if candidate.compile else {}),
    }
