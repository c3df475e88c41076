"""The gate to the package deepspeed: loading it, what it wants of the process, what can be read off its engines."""

import importlib
import logging
import os
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from autoprec_runner.errors import MissingPackageError

INSTALL = "DS_BUILD_OPS=0 pip install --no-build-isolation deepspeed"
"""How to install DeepSpeed where torch is installed already."""


def load_deepspeed(device: str) -> Any:
    """Import DeepSpeed, which binds itself to a device as it is imported and tells a lot on the way."""
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    with environment(DS_ACCELERATOR=os.environ.get("DS_ACCELERATOR", device)):
        try:
            module = importlib.import_module("deepspeed")
            importlib.import_module("deepspeed.accelerator").get_accelerator()
        except ModuleNotFoundError as error:
            if error.name != "deepspeed":
                raise
            raise MissingPackageError(
                f"strategy='deepspeed' needs the package deepspeed, which is not installed. Install it with: {INSTALL}",
            ) from error
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    return module


_LOCAL_RANK = "LOCAL_RANK"
_holders: set[int] = set()


def hold_local_rank(holder: object) -> None:
    """See that LOCAL_RANK is set as long as anybody holds it: DeepSpeed reads it again and again, also in one process.

    Where no launcher has set it, it goes with the last holder that releases it or is collected.
    """
    if _LOCAL_RANK in os.environ and not _holders:
        return
    os.environ.setdefault(_LOCAL_RANK, "0")
    _holders.add(id(holder))
    weakref.finalize(holder, _let_go, id(holder))


def release_local_rank(holder: object) -> None:
    """Let go of it. Releasing twice, or what was never held, does nothing."""
    _let_go(id(holder))


def _let_go(holder: int) -> None:
    if holder in _holders:
        _holders.discard(holder)
        if not _holders:
            os.environ.pop(_LOCAL_RANK, None)


def forget_autocast() -> None:
    """Let the next engine of DeepSpeed start without what an engine before it has left behind.

    `torch_autocast` sets globals that DeepSpeed never resets: every engine made later in the process would scale and
    cast as that one does.
    """
    autocast: Any = importlib.import_module("deepspeed.runtime.torch_autocast")
    autocast.TORCH_AUTOCAST_INITIALIZED = False
    autocast.TORCH_AUTOCAST_DTYPE = None


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Hold environment variables for a block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def master_dtypes(engine: Any) -> list[str]:
    """Return the dtypes of the weights that the optimizer updates, wherever DeepSpeed keeps them."""
    partitions = getattr(engine.optimizer, "fp32_partitioned_groups_flat", None)  # ZeRO 3
    if partitions is None:
        groups = engine.basic_optimizer.param_groups if engine.basic_optimizer is not None else []
        partitions = [each for group in groups for each in group["params"]]
    return _by_frequency(each.dtype for each in partitions)


def reduction_dtypes(engine: Any) -> list[str]:
    """Return in what gradients travel: under autocast with ZeRO that is a matter of each parameter."""
    autocast: Any = importlib.import_module("deepspeed.runtime.torch_autocast")
    if engine.torch_autocast_enabled() and engine.zero_optimization():
        return _by_frequency(autocast.get_comm_dtype(each) for each in engine.module.parameters() if each.requires_grad)
    return [dtype_name(engine.communication_data_type)]


def dtype_name(dtype: torch.dtype) -> str:
    """Return how a dtype is called in effective dtypes."""
    return str(dtype).removeprefix("torch.")


def _by_frequency(dtypes: Iterable[torch.dtype]) -> list[str]:
    return [dtype_name(dtype) for dtype, _ in Counter(dtypes).most_common()]
