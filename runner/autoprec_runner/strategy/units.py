"""Which modules FSDP gathers one at a time."""

from collections.abc import Callable, Iterable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Units = Callable[[nn.Module], Iterable[nn.Module]]
"""Returns those submodules of a model that are sharded as units of their own; the rest goes with the model."""

_CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)
_NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def blocks(model: nn.Module) -> list[nn.Module]:
    """Return the outermost members of every ModuleList, ModuleDict and Sequential that have parameters of their own.

    These are the layers of nearly every deep model. What they are made of is gathered with them. A member that shares a
    parameter with the rest of the model (a tied embedding) stays with the rest, which FSDP asks for.
    """
    return [each for each in _members(model) if not _shares_parameters(each, model)]


def norms(model: nn.Module, *, device: str) -> list[nn.Module]:
    """Return the normalization layers that compute in float32 under a mixed precision.

    Batch norm does everywhere, as under FSDP 1, because its running statistics are float32 buffers. On a CPU all others
    do too: the kernels there take half inputs with float32 weights, but not float32 inputs with half weights.
    """
    kinds = _NORMS if device == "cpu" else (_BatchNorm,)
    return [each for each in model.modules() if isinstance(each, kinds) and not _shares_parameters(each, model)]


def _members(module: nn.Module) -> Iterable[nn.Module]:
    for child in module.children():
        if isinstance(child, _CONTAINERS):
            yield from _members(child)
        elif isinstance(module, _CONTAINERS):
            if next(child.parameters(), None) is not None:
                yield child
        else:
            yield from _members(child)


def _shares_parameters(member: nn.Module, model: nn.Module) -> bool:
    inside = {id(each) for each in member.modules()}
    own = {id(each) for each in member.parameters()}
    outside = (each for each in model.modules() if id(each) not in inside)
    return any(id(each) in own for module in outside for each in module.parameters(recurse=False))
