"""Turning a Linear into a quantized layer, in place.

A layer keeps its identity: its class changes, and so does the class of its weight. Names, sharing, hooks, mode, bias
and the references of an optimizer stay.
"""

from typing import Any

import torch
import torch._dynamo  # the kernels would load it at their first call, in the middle of a measurement
from torch import nn

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.bitsandbytes.four_bits import (
    FUSED_ON_CPU,
    Linear4bit,
    fits_fused_kernel,
    make_four_bits,
)
from autoprec_runner.precision.bitsandbytes.int8 import Linear8bit, Linear8bitTraining, int8_state, make_int8
from autoprec_runner.precision.bitsandbytes.library import quiet_import
from autoprec_runner.precision.bitsandbytes.modes import Mode, is_int8

with quiet_import():
    import bitsandbytes as bnb

__all__ = ["FUSED_ON_CPU", "QUANTIZED", "fits_fused_kernel", "quantize"]

QUANTIZED = (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)
"""What a layer of bitsandbytes is an instance of, whoever made it."""

_CLASSES: dict[Mode, Any] = {"int8": Linear8bit, "int8-training": Linear8bitTraining}


def quantize(layer: nn.Linear, mode: Mode, dtype: torch.dtype, work_device: torch.device | None = None) -> None:
    """Turn a Linear into the layer of `mode`, in place; a weight that is quantized already, by a tie, stays.

    Args:
        layer: Of class `torch.nn.Linear` exactly, with memory.
        mode: What its weight becomes.
        dtype: What it computes in.
        work_device: Where the weight is quantized; the result goes back to where the weight was. None for there.

    Raises:
        PrecisionError: The weight is on the meta device.
    """
    if layer.weight.is_meta:
        raise PrecisionError(
            f"A Linear layer of shape {tuple(layer.weight.shape)} is on the meta device and has nothing to quantize. "
            "Load its weights first (model.to_empty(device=...), then load_state_dict).",
        )
    where = work_device or layer.weight.device
    layer.__class__ = _CLASSES.get(mode, Linear4bit)
    layer.compute_dtype = dtype  # type: ignore[assignment]
    if not is_int8(mode):
        make_four_bits(layer.weight, mode.removesuffix("-dq"), dtype, where, nested=mode.endswith("-dq"))
        return
    layer.state = int8_state(has_fp16_weights=mode == "int8-training")
    if mode == "int8-training":
        layer.weight.data = layer.weight.data.to(dtype)
    else:
        make_int8(layer.weight, where)
