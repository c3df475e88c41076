"""torch-xla: the only file that calls it. It is imported when the strategy is asked for, in the process that steps."""

import importlib
import os
from collections.abc import Mapping
from typing import Any

import torch

from autoprec_runner.errors import PrecisionError

ACCELERATORS = ("auto", "xla", "tpu", "cpu")
"""``auto`` and ``xla`` are what torch-xla itself chooses: ``PJRT_DEVICE``, else a TPU, else the CPU."""
_REMEDY = (
    "Each version of torch-xla is built for the torch of the same minor version: install both with "
    "pip install 'torch==2.9.*' 'torch-xla==2.9.*' (on a TPU: 'torch-xla[tpu]==2.9.*'), or use strategy='single'."
)
_REWRITES_DTYPES = ("XLA_USE_BF16", "XLA_DOWNCAST_BF16")
"""With these, bfloat16 is what XLA computes in where float32 is asked for. XLA_USE_FP16 is read by nothing."""
_OFF = frozenset({"", "0", "false", "off", "no"})


def load_torch_xla() -> Any:
    """Return the package.

    Raises:
        PrecisionError: It is not installed, or was built for another torch.
    """
    try:
        return importlib.import_module("torch_xla")
    except ImportError as error:
        raise PrecisionError(
            f"strategy='xla' needs torch-xla, which cannot be imported beside torch {torch.__version__}: {error}. "
            f"{_REMEDY}",
        ) from error


def open_device(accelerator: str) -> torch.device:
    """Return the XLA device of this process and start XLA's runtime on it.

    Raises:
        PrecisionError: The accelerator is none of XLA's or is not there, another one is in use in this process, several
            processes share the step, or the environment has XLA compute in other dtypes than it is told.
    """
    if accelerator not in ACCELERATORS:
        raise PrecisionError(
            f"accelerator={accelerator!r} is none of strategy='xla'; allowed: {', '.join(ACCELERATORS)}. For a GPU use "
            "strategy='single'.",
        )
    refuse_rewritten_dtypes(os.environ)
    xla = load_torch_xla()
    if accelerator in {"tpu", "cpu"}:
        _choose(xla, accelerator.upper())
    try:
        device: torch.device = xla.device()
    except (RuntimeError, OSError) as error:
        raise PrecisionError(
            f"XLA cannot start on {device_kind()}: {error}. Use accelerator='cpu' for XLA's CPU device; a TPU also "
            "needs libtpu (pip install 'torch-xla[tpu]').",
        ) from error
    if (count := world_size()) > 1:
        raise PrecisionError(
            f"strategy='xla' runs in one process, and this one is {rank()} of {count}: gradients would not be summed "
            "over them. Call the engine outside of torch_xla.launch().",
        )
    return device


def refuse_rewritten_dtypes(environment: Mapping[str, str]) -> None:
    """Refuse variables with which XLA takes one dtype for another: every precision would be something else.

    Raises:
        PrecisionError: One of them is set.
    """
    present = [name for name in _REWRITES_DTYPES if environment.get(name, "").lower() not in _OFF]
    if present:
        raise PrecisionError(
            f"{present[0]}={environment[present[0]]} is set: XLA would compute in other dtypes than the precision "
            f"says. It is read once a process: unset {', '.join(present)} and choose bf16-true or bf16-mixed instead.",
        )


def device_kind() -> str:
    """Return what XLA runs on in this process, such as ``CPU`` or ``TPU``."""
    return str(load_torch_xla().runtime.device_type())


def rank() -> int:
    """Return the number of this process among those that XLA knows of."""
    return int(load_torch_xla().runtime.global_ordinal())


def world_size() -> int:
    """Return how many processes XLA knows of."""
    return int(load_torch_xla().runtime.world_size())


def finish_step() -> None:
    """Compile what has been recorded since the last step, unless it has been before, and start it."""
    load_torch_xla().sync()


def wait() -> None:
    """Finish the step and wait until the device is idle."""
    finish_step()
    importlib.import_module("torch_xla.core.xla_model").wait_device_ops()


def compilations() -> int:
    """Return how many programs this process has compiled."""
    data = importlib.import_module("torch_xla.debug.metrics").metric_data("CompileTime")
    return int(data[0]) if data else 0


def seed(number: int) -> None:
    """Seed the random numbers that are drawn on the device; `torch.manual_seed` does not reach them."""
    load_torch_xla().manual_seed(number)


def float32_products() -> str:
    """Return how XLA multiplies float32 matrices: ``default`` is bfloat16 on a TPU, float32 on a CPU."""
    return str(importlib.import_module("torch_xla.backends").get_mat_mul_precision())


def peak_memory_bytes(device: torch.device) -> int | None:
    """Return the most that the device's allocator has held; None on XLA's CPU device, which does not count."""
    if device_kind() == "CPU":
        return None
    information = importlib.import_module("torch_xla.core.xla_model").get_memory_info(device)
    return int(information["peak_bytes_used"])


def _choose(xla: Any, kind: str) -> None:
    try:
        xla.runtime.set_device_type(kind)
    except RuntimeError as error:
        raise PrecisionError(
            f"accelerator={kind.lower()!r} was asked for, but XLA runs on {xla.runtime.device_type()} in this process "
            "already, and it chooses once. Use accelerator='xla', or start another process.",
        ) from error
