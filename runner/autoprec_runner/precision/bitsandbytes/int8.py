"""Linear layers that multiply by LLM.int8().

Where bitsandbytes 0.50.2 goes wrong on a CPU, this does not: there, inference takes two and three dimensions only,
`int8-training` can neither be evaluated nor trained with three, and a bias is cast in place.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from autoprec_runner.precision.bitsandbytes.common import (
    as_rows,
    drawn,
    freeze,
    in_shape_of,
    is_plain_weight,
    load_all_but_weight,
    quantizable,
)
from autoprec_runner.precision.bitsandbytes.library import quiet_import

with quiet_import():
    import bitsandbytes as bnb
    from bitsandbytes import functional

_OUTLIER_THRESHOLD = 6.0
"""LLM.int8() multiplies features beyond this in 16 bit; the value of its paper (arXiv:2208.07339, section 3.2)."""
_EMULATED = frozenset({"cpu", "xpu"})
"""Where bitsandbytes trains by multiplying dequantized weights, and has no kernel for the gradient of int8 ones."""


class Int8Weight(bnb.nn.Int8Params):  # type: ignore[misc]
    """An int8 weight with its scales, `SCB`.

    That it has a torch function, which does nothing, keeps `TransformerEncoderLayer` from its fast path, which would
    read the bytes as numbers.
    """

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func` as for a plain tensor."""
        return torch._C._disabled_torch_function_impl(func, types, args, kwargs or {})  # noqa: SLF001


class Linear8bit(bnb.nn.Linear8bitLt):  # type: ignore[misc]
    """A Linear whose weight is int8, multiplied by LLM.int8()."""

    compute_dtype: torch.dtype

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T + b in the dtype of x."""
        weight = self.weight
        scales = getattr(weight, "SCB", None)
        if scales is None:  # a weight that was put in place of ours
            return linear(x, weight, self.bias)
        state = int8_state(has_fp16_weights=False)
        state.CB, state.SCB, state.is_training = weight.data, scales, self.training
        return _multiply_int8(self, x, state)

    def reset_parameters(self) -> None:
        """Draw the weight and the bias anew, as `torch.nn.Linear` does, and quantize."""
        if getattr(self.weight, "SCB", None) is None:
            super().reset_parameters()
        else:
            _set_int8(self.weight, drawn(self))

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:  # noqa: FBT001, FBT002 (torch's signature)
        scales = getattr(self.weight, "SCB", None)
        result = super()._apply(fn, recurse)
        if scales is not None:
            self.weight.SCB = scales.to(self.weight.device)
        return result

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        """Load a quantized weight with its scales as they are, and quantize one that is not."""
        key, own = f"{prefix}weight", {f"{prefix}{name}" for name in ("weight", "SCB", "weight_format")}
        given = state_dict.get(key)
        if given is None or getattr(self.weight, "SCB", None) is None:
            super()._load_from_state_dict(state_dict, prefix, *args)
            return
        rest = {name: value for name, value in state_dict.items() if name not in own}
        load_all_but_weight(self, rest, prefix, args, super()._load_from_state_dict)
        scales, errors = state_dict.get(f"{prefix}SCB"), args[-1]
        if given.dtype is torch.int8 and scales is not None:
            if given.shape != self.weight.shape:
                errors.append(f"{key} has shape {tuple(given.shape)}, the layer {tuple(self.weight.shape)}.")
                return
            self.weight.data = given.to(self.weight.device, copy=True)
            self.weight.SCB = scales.to(self.weight.device, copy=True)
        elif is_plain_weight(given, self, key, errors):
            _set_int8(self.weight, given)


class Linear8bitTraining(bnb.nn.Linear8bitLt):  # type: ignore[misc]
    """A Linear with a trainable weight in 16 bit, rounded to int8 at every forward."""

    compute_dtype: torch.dtype

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T + b in the dtype of x."""
        # A fresh state: bitsandbytes reuses the rounded weight of a kept one while there are gradients.
        state = int8_state(has_fp16_weights=True)
        state.is_training = self.training or x.device.type in _EMULATED
        return _multiply_int8(self, x, state)


def int8_state(*, has_fp16_weights: bool) -> Any:
    """Return what bitsandbytes keeps beside an int8 weight, here for one forward."""
    state = bnb.MatmulLtState()
    state.threshold = _OUTLIER_THRESHOLD
    state.has_fp16_weights = has_fp16_weights
    return state


def make_int8(weight: Any, where: torch.device) -> None:
    """Turn a Parameter into `Int8Weight` in place."""
    if getattr(weight, "SCB", None) is not None:
        return
    source = weight.detach()
    freeze(weight)
    weight.__class__ = Int8Weight
    weight.has_fp16_weights, weight.CB = False, None
    _set_int8(weight, source, where)


@torch.no_grad()
def _set_int8(weight: Any, source: Tensor, where: torch.device | None = None) -> None:
    home = weight.device
    data, scales, _ = functional.int8_vectorwise_quant(quantizable(source, where or home).to(torch.float16))
    weight.data, weight.SCB = data.to(home), scales.to(home)


def _multiply_int8(layer: Any, x: Tensor, state: Any) -> Tensor:
    rows = as_rows(x, layer.in_features).to(layer.compute_dtype)
    bias = None if layer.bias is None else layer.bias.to(rows.dtype)
    with torch.autocast(x.device.type, enabled=False):  # its backward expects what forward was given
        output = bnb.matmul(rows, layer.weight, bias=bias, state=state)
    return in_shape_of(output.to(x.dtype), x, layer.out_features)
