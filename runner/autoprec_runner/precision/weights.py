"""What the weights of a model take in bytes, quantized or not."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

_DEEPEST = 4
"""A parameter holds a quantization state, which holds a second one, which holds tensors."""


def weight_bytes(model: nn.Module) -> int:
    """Return the bytes that parameters and buffers hold, with everything that is needed to read quantized ones.

    Memory that several of them share counts once, gradients and optimizer state do not count. Tensors without memory
    (on the meta device) count as nothing.
    """
    storages = {}
    for tensor in _weights(model):
        if not tensor.is_meta:
            storage = tensor.untyped_storage()
            storages[tensor.device, storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def _weights(model: nn.Module) -> Iterator[Tensor]:
    yield from model.buffers()
    for parameter in model.parameters():
        yield parameter
        for value in vars(parameter).values():
            yield from _tensors(value, _DEEPEST)


def _tensors(value: Any, depth: int) -> Iterator[Tensor]:
    """Yield the tensors in the attributes of a quantization state."""
    if isinstance(value, Tensor):
        yield value
    elif depth and hasattr(value, "__dict__") and not isinstance(value, nn.Module | type):
        for each in vars(value).values():
            yield from _tensors(each, depth - 1)
