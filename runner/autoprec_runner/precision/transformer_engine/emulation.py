"""Linear layers whose products are computed from FP8 numbers, wherever they run: for stability only.

Inside `Float8Autocast` such a layer rounds input and weight to E4M3 and the incoming gradient to E5M2 (hybrid format),
multiplies the rounded numbers in fp32, as FP8 units accumulate, and returns the compute dtype of its surroundings.
Outside it is a plain `torch.nn.Linear`.
"""

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from autoprec_runner.precision.transformer_engine.float8 import FORWARD, Float8Scale, ScalingRecipe

_EXTRA_STATE = "_extra_state"
"""The key under which `torch.nn.Module.state_dict` keeps what `get_extra_state` returns."""


@dataclass(frozen=True)
class _Region:
    """The outermost autocast that is open: one step, in whose end scales follow their histories."""

    serial: int
    delayed: bool


@dataclass(frozen=True)
class _Setting:
    """How the products of one call are computed."""

    scales: tuple[Float8Scale, Float8Scale, Float8Scale]
    delayed: bool
    dtype: torch.dtype
    """That of the output."""


class _Open(threading.local):
    region: _Region | None = None


_open = _Open()
_serials = count()


class Float8Autocast(AbstractContextManager[None]):
    """Emulated layers compute FP8 products inside; the counterpart of `transformer_engine.pytorch.autocast`."""

    __slots__ = ("_delayed", "_outer")

    def __init__(self, *, delayed: bool) -> None:
        self._delayed = delayed

    def __enter__(self) -> None:
        """Open a region, as part of the outer one where there is one."""
        self._outer = _open.region
        serial = next(_serials) if self._outer is None else self._outer.serial
        _open.region = _Region(serial, self._delayed)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Go back to the outer region."""
        _open.region = self._outer


class EmulatedLinear(nn.Linear):
    """A `torch.nn.Linear` that `emulate` has turned into one with FP8 products; its parameters and name stay."""

    input_scale: Float8Scale
    weight_scale: Float8Scale
    gradient_scale: Float8Scale
    _step: int | None

    @property
    def scales(self) -> tuple[Float8Scale, Float8Scale, Float8Scale]:
        """The scales of input, weight and incoming gradient."""
        return self.input_scale, self.weight_scale, self.gradient_scale

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name in torch.nn.Linear)
        """Return ``input @ weight.T + bias`` from FP8 numbers, shape ``(*, in_features)`` to ``(*, out_features)``."""
        region = _open.region
        if region is None:
            return super().forward(input)
        if torch.is_grad_enabled() and region.delayed:
            self._begin(region.serial)
        device = input.device.type
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else input.dtype
        setting = _Setting(self.scales, region.delayed, dtype)
        output: Tensor = _Product.apply(input, self.weight, self.bias, setting)  # type: ignore[no-untyped-call]
        return output

    def get_extra_state(self) -> Tensor:
        """Return the scales with their histories, shape ``(3, 1 + amax_history_len)``."""
        return torch.stack([scale.state() for scale in self.scales])

    def set_extra_state(self, state: Tensor) -> None:
        """Take over what `get_extra_state` returned."""
        for scale, row in zip(self.scales, state, strict=True):
            scale.restore(row)

    def _begin(self, serial: int) -> None:
        """End the step before at the first call in a new one; scales change where gradients are enabled only."""
        if self._step not in {None, serial}:
            for scale in self.scales:
                scale.advance()
        self._step = serial

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Load a checkpoint; one of the plain layer has no scales, and that is no mistake."""
        super()._load_from_state_dict(state_dict, prefix, *args)
        missing: list[str] = args[2]
        if f"{prefix}{_EXTRA_STATE}" in missing:
            missing.remove(f"{prefix}{_EXTRA_STATE}")


def emulate(layer: nn.Linear, recipe: ScalingRecipe) -> EmulatedLinear:
    """Turn a linear layer, in place, into one with FP8 products: whoever holds it, holds the same object."""
    layer.__class__ = EmulatedLinear
    assert isinstance(layer, EmulatedLinear), "its class has just been set"
    layer.input_scale = Float8Scale(FORWARD, recipe)
    layer.weight_scale = Float8Scale(FORWARD, recipe)
    layer.gradient_scale = Float8Scale(recipe.gradient_dtype, recipe)
    layer._step = None  # noqa: SLF001 (the class is ours, and has no constructor of its own)
    return layer


class _Product(torch.autograd.Function):
    """The three products of a linear layer (output, input gradient, weight gradient), each from FP8 numbers."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, weight: Tensor, bias: Tensor | None, setting: _Setting) -> Tensor:
        """Return the output in the dtype of the setting; `source` has shape ``(*, in_features)``."""
        input_scale, weight_scale, _ = setting.scales
        rows, row_factor = input_scale.quantize(source.reshape(-1, source.shape[-1]), delayed=setting.delayed)
        columns, column_factor = weight_scale.quantize(weight, delayed=setting.delayed)
        ctx.save_for_backward(rows, row_factor, columns, column_factor)
        ctx.setting = setting
        ctx.taken = source.shape, source.dtype, weight.dtype, None if bias is None else bias.dtype
        with torch.autocast(source.device.type, enabled=False):
            output = (rows.float() @ columns.float().T) * (row_factor * column_factor)
            if bias is not None:
                output += bias.float()
        return output.to(setting.dtype).reshape(*source.shape[:-1], weight.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of input, weight and bias, in the dtypes that these have."""
        rows, row_factor, columns, column_factor = ctx.saved_tensors
        shape, source_dtype, weight_dtype, bias_dtype = ctx.taken
        flat = gradient.reshape(-1, gradient.shape[-1])
        rounded, factor = ctx.setting.scales[2].quantize(flat, delayed=ctx.setting.delayed)
        of_source = of_weight = of_bias = None
        with torch.autocast(gradient.device.type, enabled=False):
            if ctx.needs_input_grad[0]:
                product = (rounded.float() @ columns.float()) * (factor * column_factor)
                of_source = product.to(source_dtype).reshape(shape)
            if ctx.needs_input_grad[1]:
                of_weight = ((rounded.float().T @ rows.float()) * (factor * row_factor)).to(weight_dtype)
            if bias_dtype is not None and ctx.needs_input_grad[2]:
                of_bias = flat.float().sum(0).to(bias_dtype)
        return of_source, of_weight, of_bias, None
