"""Linear layers with 4-bit weights.

Where bitsandbytes 0.50.2 goes wrong on a CPU, this does not: there, weights are rearranged for inference for good, so
that training afterwards fails or gets no gradients, and a state dict saved afterwards holds wrong scales; shapes that
the fused kernel does not take raise an AssertionError; a bias is cast in place; a saved state dict cannot be loaded.
"""

import copy
import threading
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

BLOCKSIZE = 64
"""Elements that share a scale."""
_FUSED_ROWS = 32

_pack = getattr(functional, "_convert_weight_packed_for_cpu", None)
_unpack = getattr(functional, "_convert_weight_packed_for_cpu_inverse", None)
_packing = threading.Lock()

FUSED_ON_CPU = bool(_pack and _unpack and getattr(functional, "has_avx512bf16", bool)())
"""Whether this CPU has bitsandbytes' kernel that multiplies by 4-bit weights without unpacking them."""


def fits_fused_kernel(out_features: int, in_features: int) -> bool:
    """Whether the CPU's 4-bit kernel takes a weight: 32 rows are interleaved, and a row is a whole number of blocks."""
    return out_features % _FUSED_ROWS == 0 and in_features % BLOCKSIZE == 0


class Linear4bit(bnb.nn.Linear4bit):  # type: ignore[misc]
    """A Linear whose weight takes 4 bit an element."""

    compute_dtype: torch.dtype
    compute_type_is_set = True
    quant_state = None
    quant_storage = torch.uint8
    support_avx512bf16_for_cpu = False

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T + b, computed in `compute_dtype` and returned in the dtype of x."""
        weight = self.weight
        if getattr(weight, "quant_state", None) is None:  # a weight that was put in place of ours
            return linear(x, weight, self.bias)
        rows = as_rows(x, self.in_features).to(self.compute_dtype)
        bias = None if self.bias is None else self.bias.to(self.compute_dtype)
        if self._takes_fused_kernel(rows, bias):
            _pack_for_cpu(weight)
        else:
            _unpack_from_cpu(weight)
        output = bnb.matmul_4bit(rows, weight, quant_state=weight.quant_state, bias=bias)
        return in_shape_of(output.to(x.dtype), x, self.out_features)

    def reset_parameters(self) -> None:
        """Draw the weight and the bias anew, as `torch.nn.Linear` does, and quantize."""
        _unpack_from_cpu(self.weight)
        state = getattr(self.weight, "quant_state", None)
        if state is None:
            super().reset_parameters()
            return
        _set_four_bits(self.weight, drawn(self), state.quant_type, self.compute_dtype, nested=state.nested)

    def train(self, mode: bool = True) -> Any:  # noqa: FBT001, FBT002 (torch's signature)
        """Set the mode; evaluation is prepared for here, so that the first forward takes no longer than others."""
        super().train(mode)
        if not mode and self._has_fused_kernel and getattr(self.weight, "quant_state", None) is not None:
            _pack_for_cpu(self.weight)
        return self

    @property
    def _has_fused_kernel(self) -> bool:
        fits = fits_fused_kernel(self.out_features, self.in_features)
        return FUSED_ON_CPU and fits and self.compute_dtype is torch.bfloat16 and self.weight.device.type == "cpu"

    def _takes_fused_kernel(self, rows: Tensor, bias: Tensor | None) -> bool:
        if self.training or not self._has_fused_kernel or not rows.numel():
            return False
        needs_gradient = rows.requires_grad or (bias is not None and bias.requires_grad)
        return not (needs_gradient and torch.is_grad_enabled())

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:  # noqa: FBT001, FBT002 (torch's signature)
        _unpack_from_cpu(self.weight)
        state = getattr(self.weight, "quant_state", None)
        if state is None:
            return super()._apply(fn, recurse)
        result = super()._apply(fn, recurse)
        if not self.weight.is_meta:
            state.to(self.weight.device)
        self.weight.quant_state = state
        return result

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:  # noqa: FBT001 (torch's)
        _unpack_from_cpu(self.weight)
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        """Load a quantized weight as it is, and quantize one that is not."""
        _unpack_from_cpu(self.weight)
        key = f"{prefix}weight"
        given = state_dict.get(key)
        state = getattr(self.weight, "quant_state", None)
        if given is None or state is None:
            super()._load_from_state_dict(state_dict, prefix, *args)
            return
        parts = {name: value for name, value in state_dict.items() if name.startswith(f"{key}.")}
        rest = {name: value for name, value in state_dict.items() if name != key and name not in parts}
        load_all_but_weight(self, rest, prefix, args, super()._load_from_state_dict)
        errors = args[-1]
        if parts:
            loaded = functional.QuantState.from_dict(
                {name.removeprefix(f"{key}."): value for name, value in parts.items()},
                device=self.weight.device,
            )
            problem = _difference(loaded, state)
            if problem:
                errors.append(f"{key} {problem}; convert the model in the mode that the checkpoint was saved in.")
                return
            loaded.dtype = self.compute_dtype
            self.weight.data = given.to(self.weight.device, copy=True)
            self.weight.quant_state = loaded
        elif is_plain_weight(given, self, key, errors):
            _set_four_bits(self.weight, given, state.quant_type, self.compute_dtype, nested=state.nested)


def make_four_bits(weight: Any, quant_type: str, dtype: torch.dtype, where: torch.device, *, nested: bool) -> None:
    """Turn a Parameter into `Params4bit` in place."""
    if getattr(weight, "quant_state", None) is not None:
        return
    source = weight.detach()
    freeze(weight)
    weight.__class__ = bnb.nn.Params4bit
    weight.blocksize, weight.compress_statistics, weight.quant_type = BLOCKSIZE, nested, quant_type
    weight.quant_storage, weight.bnb_quantized, weight.module = torch.uint8, True, None
    _set_four_bits(weight, source, quant_type, dtype, where, nested=nested)


@torch.no_grad()
def _set_four_bits(
    weight: Any,
    source: Tensor,
    quant_type: str,
    dtype: torch.dtype,
    where: torch.device | None = None,
    *,
    nested: bool,
) -> None:
    home = weight.device
    data, state = functional.quantize_4bit(
        quantizable(source, where or home),
        blocksize=BLOCKSIZE,
        compress_statistics=nested,
        quant_type=quant_type,
        quant_storage=torch.uint8,
    )
    state.dtype = dtype
    state.to(home)
    weight.data, weight.quant_state = data.to(home), state


def _pack_for_cpu(weight: Any) -> None:
    """Rearrange a 4-bit weight for the fused kernel; what is needed to undo it exactly is kept."""
    if _is_packed(weight):
        return
    with _packing, torch.inference_mode(mode=False), torch.no_grad():
        if not _is_packed(weight):
            assert _pack is not None
            data, packed = _pack(weight.data, copy.copy(weight.quant_state))
            packed.unpacked = weight.quant_state
            weight.data = data
            weight.quant_state = packed  # last: another thread looks at it first


def _unpack_from_cpu(weight: Any) -> None:
    if not _is_packed(weight):
        return
    with _packing, torch.inference_mode(mode=False), torch.no_grad():
        if _is_packed(weight):
            assert _unpack is not None
            packed = weight.quant_state
            scratch = copy.copy(packed)
            scratch.original_nested = False  # the scales are not to be recomputed: they were kept
            weight.data, _ = _unpack(weight.data, scratch)
            weight.quant_state = packed.unpacked


def _is_packed(weight: Any) -> bool:
    state = getattr(weight, "quant_state", None)
    return state is not None and getattr(state, "unpacked", None) is not None


def _difference(loaded: Any, state: Any) -> str:
    """Say in what a quantized weight differs from the layer that is to take it; nothing if in nothing."""
    if (loaded.quant_type, loaded.nested) != (state.quant_type, state.nested):
        return f"is quantized as {_kind(loaded)}, the layer as {_kind(state)}"
    if loaded.shape != state.shape:
        return f"has shape {tuple(loaded.shape)}, the layer {tuple(state.shape)}"
    return ""


def _kind(state: Any) -> str:
    return f"{state.quant_type}-dq" if state.nested else str(state.quant_type)
