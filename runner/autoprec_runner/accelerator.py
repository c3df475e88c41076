"""Which torch device an engine runs on."""

import torch

from autoprec_runner.errors import PrecisionError

_GPUS = ("cuda", "xpu", "mps")
ACCELERATORS = ("auto", "cpu", "gpu", *_GPUS)
"""What can be asked for; ``cuda:1`` and the like name one of several devices."""


def resolve_device(accelerator: str) -> torch.device:
    """Return the device for what a user asked for: ``auto`` is the first GPU that torch can use, else the CPU.

    Raises:
        PrecisionError: An accelerator that is unknown, or that this torch or this machine does not have.
    """
    kind, _, index = accelerator.partition(":")
    if kind in {"tpu", "xla"}:
        raise PrecisionError(
            f"accelerator={accelerator!r} is reached through torch-xla: use strategy='xla' with accelerator='auto' or "
            "'tpu'.",
        )
    if kind not in ACCELERATORS or (index and not index.isdecimal()):
        raise PrecisionError(
            f"Unknown accelerator {accelerator!r}; allowed: {', '.join(ACCELERATORS)}, and cuda:1 for one of several.",
        )
    if kind in {"auto", "gpu"}:
        return _first_gpu(required=kind == "gpu")
    if kind == "cpu":
        return torch.device("cpu")
    return _gpu(kind, int(index or 0))


def _first_gpu(*, required: bool) -> torch.device:
    found = next((kind for kind in _GPUS if _count(kind)), None)
    if found is not None:
        return torch.device(found, 0)
    if required:
        raise PrecisionError(
            f"accelerator='gpu' was asked for and torch {torch.__version__} sees none of {', '.join(_GPUS)}. "
            "Install a build of torch for your GPU, or use accelerator='cpu'.",
        )
    return torch.device("cpu")


def _gpu(kind: str, index: int) -> torch.device:
    count = _count(kind)
    if not count:
        raise PrecisionError(
            f"accelerator={kind!r} was asked for and torch {torch.__version__} sees no such device. "
            f"Install a build of torch with {kind}, check the driver, or use accelerator='cpu'.",
        )
    if index >= count:
        raise PrecisionError(f"accelerator='{kind}:{index}' was asked for; this machine has {kind}:0 to {count - 1}.")
    return torch.device(kind, index)


def _count(kind: str) -> int:
    module = torch.get_device_module(kind)
    return int(module.device_count()) if module.is_available() else 0
