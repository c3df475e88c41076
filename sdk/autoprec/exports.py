"""A recommended precision in the words of other frameworks, dtypes as torch's own objects.

What each framework is given, and what it cannot express, is told by `autoprec_service.frameworks`.
"""

from typing import TYPE_CHECKING, Any

from autoprec_probe.candidate import Candidate, Device
from autoprec_runner.trial import Mode
from autoprec_service import frameworks
from autoprec_service.errors import ExportError
from autoprec_service.frameworks import accelerate, deepspeed, fabric, trainer, transformers

if TYPE_CHECKING:
    from torch import dtype as Dtype  # noqa: N812 (a class of torch with a small name)

__all__ = ["ExportError", "accelerate", "deepspeed", "fabric", "fsdp", "torch", "trainer", "transformers"]


def fsdp(candidate: Candidate) -> dict[str, Any]:
    """Return the arguments of `torch.distributed.fsdp.MixedPrecisionPolicy`.

    Raises:
        ExportError: They cannot express the candidate.
    """
    return {name: _dtype(dtype) for name, dtype in frameworks.fsdp(candidate).items()}


def torch(candidate: Candidate, device: Device, mode: Mode) -> dict[str, Any]:
    """Return what plain PyTorch needs; `autoprec_service.frameworks.torch` says what each part is for.

    Raises:
        ExportError: It cannot express the candidate.
    """
    found = frameworks.torch(candidate, device, mode)
    autocast = found["autocast"]
    dtype = None if autocast["dtype"] is None else _dtype(autocast["dtype"])
    return found | {"autocast": autocast | {"dtype": dtype}, "weights_dtype": _dtype(found["weights_dtype"])}


def _dtype(name: str) -> "Dtype":
    import torch  # noqa: PLC0415 (a recommendation can be read where torch is not installed)

    dtype: Dtype = getattr(torch, name)
    return dtype
