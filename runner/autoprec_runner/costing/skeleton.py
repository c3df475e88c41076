"""A model without numbers: the structure of the user's, its tensors shapes alone."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only


def skeleton(model: nn.Module) -> nn.Module:
    """Return a copy of `model` whose parameters and buffers are on the meta device; sharing stays."""
    memo: dict[int, Any] = {id(each): _empty(each, "meta") for each in tensors(model)}
    return copy.deepcopy(model, memo)


def make_fake(model: nn.Module) -> None:
    """Put tensors on the CPU in the place of those on the meta device; call it under a `FakeTensorMode`.

    Under that mode they look like a CPU's, to autocast above all, and are none. It cannot convert the modules of a
    model (torch 2.13: `Module._apply` fails to swap its tensors), so a precision is put on the skeleton before.
    """
    made: dict[int, Tensor] = {}
    for module in model.modules():
        # setattr would refuse to replace a tensor.
        stores: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)  # noqa: SLF001
        for held in stores:
            for name, tensor in held.items():
                if tensor is not None:
                    held[name] = made.setdefault(id(tensor), made.get(id(tensor), _empty(tensor, "cpu")))


def fake_batch(batch: Any) -> Any:
    """Return a batch with every tensor replaced by its shape; call it under a `FakeTensorMode`."""
    return tree_map_only(Tensor, lambda tensor: _empty(tensor, "cpu"), batch)


def tensors(model: nn.Module) -> Iterator[Tensor]:
    """Yield parameters and buffers, each once."""
    yield from model.parameters()
    yield from model.buffers()


def nbytes(found: Iterator[Tensor]) -> int:
    """Return what the storages of some tensors take together, each counted once."""
    storages = (each.untyped_storage() for each in found)
    return sum({each._cdata: each.nbytes() for each in storages}.values())  # noqa: SLF001 (data_ptr() is 0 for all)


def _empty(tensor: Tensor, device: str) -> Tensor:
    with torch.no_grad():
        made = torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device=device)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(made, requires_grad=tensor.requires_grad)
    return made.requires_grad_(tensor.requires_grad)
