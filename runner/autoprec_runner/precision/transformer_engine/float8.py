"""FP8 numbers on any hardware: a tensor is scaled, rounded to an FP8 type and kept with the inverse of its scale.

Per-tensor scaling as Transformer Engine does it. Source of the formulas: Transformer Engine 2.20,
`transformer_engine/pytorch/quantization.py` (`_default_get_amax_and_update_history`, `_default_sf_compute`) and
`transformer_engine/common/recipe` (`DelayedScaling`, `Float8CurrentScaling`, `Format`).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Format = Literal["HYBRID", "E4M3"]

FORWARD = torch.float8_e4m3fn
"""Activations and weights: 4 bits of exponent, 3 of mantissa, at most 448."""
_GRADIENTS: dict[Format, torch.dtype] = {"HYBRID": torch.float8_e5m2, "E4M3": torch.float8_e4m3fn}
"""Gradients: in the hybrid format 5 bits of exponent and 2 of mantissa, at most 57344."""
_LARGEST_SCALE = torch.finfo(torch.float32).max


@dataclass(frozen=True, kw_only=True)
class ScalingRecipe:
    """How the scale of each tensor is chosen; the fields and defaults of Transformer Engine's `DelayedScaling`."""

    fp8_format: Format = "HYBRID"
    margin: int = 0
    """Bits that are left free above the largest value."""
    amax_history_len: int = 1024
    """Steps whose largest values are remembered."""
    amax_compute_algo: Literal["max", "most_recent"] = "max"
    delayed: bool = True
    """Whether the scale comes from the steps before (delayed scaling), or from the tensor itself (current scaling)."""

    def __post_init__(self) -> None:
        """Refuse what Transformer Engine refuses."""
        if self.fp8_format not in _GRADIENTS:
            raise ValueError(f"fp8_format={self.fp8_format!r}; allowed: HYBRID, E4M3")
        if self.amax_compute_algo not in {"max", "most_recent"}:
            raise ValueError(f"amax_compute_algo={self.amax_compute_algo!r}; allowed: max, most_recent")
        if self.amax_history_len < 1:
            raise ValueError(f"amax_history_len={self.amax_history_len!r}; at least 1 is needed")

    @property
    def gradient_dtype(self) -> torch.dtype:
        """The type in which gradients are rounded."""
        return _GRADIENTS[self.fp8_format]


class Float8Scale:
    """The scale of one tensor of a layer, and the history of its largest absolute values (amax) that it follows.

    Args:
        dtype: The FP8 type that the tensor is rounded to.
        recipe: How the scale is chosen.
    """

    __slots__ = ("dtype", "history", "largest", "recipe", "scale")

    def __init__(self, dtype: torch.dtype, recipe: ScalingRecipe) -> None:
        self.dtype = dtype
        self.recipe = recipe
        self.largest = torch.finfo(dtype).max
        self.history = torch.zeros(recipe.amax_history_len)
        """The amax of this step first, then from the oldest to the newest of the steps before."""
        self.scale = torch.ones(())

    def quantize(self, tensor: Tensor, *, delayed: bool) -> tuple[Tensor, Tensor]:
        """Return `tensor` in the FP8 type, saturated, and the factor that brings it back; note its amax.

        Args:
            tensor: What is rounded.
            delayed: Take the scale that the steps before have led to; else that of the tensor itself.
        """
        amax = tensor.detach().abs().amax().float() if tensor.numel() else tensor.new_zeros((), dtype=torch.float32)
        if delayed:
            self._note(amax)
            scale = self.scale
        else:
            scale = self._scale_for(amax, torch.ones_like(amax))
        scaled = (tensor.detach().float() * scale).clamp(-self.largest, self.largest)
        return scaled.to(self.dtype), scale.reciprocal()

    def advance(self) -> None:
        """End a step: follow the history with the scale, and make room in it for the next amax."""
        history = self.history
        amax = history.max() if self.recipe.amax_compute_algo == "max" else history[0]
        self.scale = self._scale_for(amax, self.scale)
        self.history = history.roll(-1)
        self.history[0] = 0.0

    def state(self) -> Tensor:
        """Return scale and history in one tensor of ``1 + amax_history_len`` numbers."""
        return torch.cat([self.scale.reshape(1), self.history]).cpu()

    def restore(self, state: Tensor) -> None:
        """Take over what `state` returned."""
        self.scale, self.history = state[0].clone(), state[1:].clone()

    def _note(self, amax: Tensor) -> None:
        # The history outlives this forward: it must not become a tensor of inference mode.
        with torch.inference_mode(mode=False), torch.no_grad():
            if self.history.device != amax.device:
                self.history, self.scale = self.history.to(amax.device), self.scale.to(amax.device)
            self.history[0] = torch.maximum(self.history[0], amax)

    def _scale_for(self, amax: Tensor, previous: Tensor) -> Tensor:
        """Return ``largest / amax / 2 ** margin``; `previous` where amax is zero or not finite."""
        scale = (self.largest / amax) / 2.0**self.recipe.margin
        scale = torch.where((amax > 0) & amax.isfinite(), scale, previous)
        return scale.clamp(max=_LARGEST_SCALE)
