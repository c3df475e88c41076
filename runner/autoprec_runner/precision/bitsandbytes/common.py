"""What the quantized layers have in common."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_QUANTIZABLE = (torch.float16, torch.bfloat16, torch.float32)


def as_rows(x: Tensor, in_features: int) -> Tensor:
    """Return x as a contiguous matrix: the kernels take neither other shapes nor strides, and check nothing."""
    if x.dim() == 0 or x.shape[-1] != in_features:
        raise RuntimeError(f"A layer of {in_features} inputs got a tensor of shape {tuple(x.shape)}.")
    return x.reshape(-1, in_features).contiguous()


def in_shape_of(rows: Tensor, x: Tensor, out_features: int) -> Tensor:
    """Return the outputs for the rows of x in the shape of x."""
    return rows.reshape(*x.shape[:-1], out_features)


def freeze(weight: nn.Parameter) -> None:
    """Make a weight untrainable: integers have no gradient."""
    weight.requires_grad = False
    weight.grad = None


def quantizable(source: Tensor, where: torch.device) -> Tensor:
    """Return a weight on a device in a dtype that bitsandbytes quantizes."""
    return source.to(where, source.dtype if source.dtype in _QUANTIZABLE else torch.float32).contiguous()


@torch.no_grad()
def drawn(layer: nn.Linear) -> Tensor:
    """Draw the bias of a layer as `torch.nn.Linear` does, and return a weight for it."""
    device = layer.weight.device
    weight = torch.empty(layer.out_features, layer.in_features, device=device)
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5))
    if layer.bias is not None:
        bound = 1 / math.sqrt(layer.in_features) if layer.in_features else 0.0
        nn.init.uniform_(layer.bias, -bound, bound)
    return weight


def is_plain_weight(given: Tensor, layer: nn.Linear, key: str, errors: list[str]) -> bool:
    """Whether a weight of a state dict can be quantized into `layer`; if not, note why."""
    expected = (layer.out_features, layer.in_features)
    if given.is_floating_point() and given.shape == expected:
        return True
    errors.append(
        f"{key} is {given.dtype} of shape {tuple(given.shape)}; {type(layer).__name__} takes a floating-point weight "
        f"of shape {expected}, or one quantized in its own mode.",
    )
    return False


def load_all_but_weight(layer: nn.Module, rest: Any, prefix: str, args: Any, load: Callable[..., None]) -> None:
    """Let torch load everything but the weight, and not miss that."""
    load(rest, prefix, *args)
    missing: list[str] = args[2]
    key = f"{prefix}weight"
    if key in missing and layer is not None:
        missing.remove(key)
