"""Bring model and batches to where every candidate starts: float32 weights, tensors on the model's device."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from autoprec_runner.workload.tensors import map_leaves

_OTHER_FLOATS = (torch.float16, torch.bfloat16, torch.float64)


def weights_dtype(model: nn.Module) -> torch.dtype:
    """Return the dtype of most of the model's floating parameters, as they are; float32 for a model without any."""
    sizes: dict[torch.dtype, int] = {}
    for each in model.parameters():
        if each.is_floating_point():
            sizes[each.dtype] = sizes.get(each.dtype, 0) + (1 if is_lazy(each) else each.numel())
    return max(sizes, key=sizes.__getitem__) if sizes else torch.float32


def to_float32(model: nn.Module) -> None:
    """Turn parameters and buffers of other plain floating dtypes into float32, in place; sharing is kept."""
    for parameter in model.parameters():
        if parameter.dtype in _OTHER_FLOATS:
            parameter.data = parameter.data.float()
    for module in model.modules():
        for name, buffer in module._buffers.items():  # noqa: SLF001 (only here can a buffer be replaced)
            if buffer is not None and buffer.dtype in _OTHER_FLOATS:
                module._buffers[name] = buffer.float()  # noqa: SLF001


def to_tensors(batch: Any, *, given: torch.dtype, device: torch.device) -> Any:
    """Return a batch with arrays as tensors, all on `device`.

    Floating arrays, and tensors in the dtype that the weights were `given` in, become float32, as the weights do.
    """

    def convert(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biufc":
            leaf = _from_array(leaf)
        if not isinstance(leaf, Tensor):
            return leaf
        return leaf.to(device, torch.float32 if leaf.is_floating_point() and leaf.dtype == given else None)

    return map_leaves(batch, convert)


def has_arrays(batch: Any) -> bool:
    """Tell whether there is an array in a batch."""
    found: list[bool] = []
    map_leaves(batch, lambda leaf: found.append(isinstance(leaf, np.ndarray)))
    return any(found)


def _from_array(array: np.ndarray[Any, Any]) -> Tensor:
    tensor = torch.from_numpy(np.array(array))  # a copy: the user's array may be read-only
    return tensor.float() if tensor.is_floating_point() else tensor
