"""Layers and contexts: the real names and rules, the products of plain torch."""

import math
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn

from transformer_engine.common.recipe import DelayedScaling, Recipe

_UNAVAILABLE: str = ""
"""Set by a test: why FP8 is not available."""


class _State:
    enabled = False
    recipe: Recipe | None = None


_state = _State()


class Linear(nn.Module):
    def __init__(
        self,
        in_features: int,
        out_features: int,
        sequence_parallel: bool = False,
        fuse_wgrad_accumulation: bool = False,
        tp_group: Any = None,
        tp_size: int = 1,
        get_rng_state_tracker: Callable[..., Any] | None = None,
        rng_tracker_name: str | None = None,
        init_method: Callable[..., Any] | None = None,
        bias: bool = True,
        return_bias: bool = False,
        params_dtype: torch.dtype | None = None,
        parallel_mode: str | None = None,
        parameters_split: Any = None,
        device: torch.device | str = "cuda",
        ub_overlap_ag: bool = False,
        ub_overlap_rs: bool = False,
        ub_overlap_rs_dgrad: bool = False,
        ub_bulk_dgrad: bool = False,
        ub_bulk_wgrad: bool = False,
        ub_name: str | None = None,
        delay_wgrad_compute: bool = False,
        symmetric_ar_type: str | None = None,
        save_original_input: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__()
        dtype = torch.get_default_dtype() if params_dtype is None else params_dtype
        self.in_features = in_features
        self.out_features = out_features
        self.use_bias = bias
        self.fp8 = False
        self.fp8_meta: dict[str, Any] = {}
        self.weight = nn.Parameter(torch.empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = nn.Parameter(torch.empty(out_features, device=device, dtype=dtype))
        else:
            self.bias = torch.empty(0, device=device, dtype=dtype)  # type: ignore[assignment]
        if device != "meta":
            nn.init.normal_(self.weight, mean=0.0, std=0.023)
            if bias:
                nn.init.zeros_(self.bias)

    def forward(
        self,
        inp: torch.Tensor,
        is_first_microbatch: bool | None = None,
        fp8_output: bool | None = False,
        fp8_grad: bool | None = False,
    ) -> torch.Tensor:
        self.fp8 = _state.enabled
        if self.fp8:
            self.fp8_meta["recipe"] = _state.recipe
            for tensor in (inp, self.weight):
                if math.prod(tensor.shape[:-1]) % 8 or tensor.shape[-1] % 16:
                    raise ValueError(f"FP8 execution requires other dimensions than {list(tensor.shape)}")
        device = inp.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else inp.dtype
        with torch.autocast(device, enabled=False):
            bias = self.bias.to(dtype) if self.use_bias else None
            return nn.functional.linear(inp.to(dtype), self.weight.to(dtype), bias)

    def get_extra_state(self) -> torch.Tensor:
        return torch.empty(0, dtype=torch.uint8)

    def set_extra_state(self, state: torch.Tensor) -> None:
        assert state.dtype is torch.uint8


class LayerNorm(nn.Module):
    def __init__(
        self,
        normalized_shape: Iterable[int] | int | None = None,
        eps: float = 1e-5,
        sequence_parallel: bool | None = None,
        params_dtype: torch.dtype | None = None,
        zero_centered_gamma: bool = False,
        hidden_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        assert set(kwargs) <= {"device", "dtype", "sm_margin"}
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape or ())
        self.eps = eps
        where = {"device": kwargs.get("device"), "dtype": kwargs.get("dtype")}
        self.weight = nn.Parameter(torch.ones(shape, **where))
        self.bias = nn.Parameter(torch.zeros(shape, **where))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        device = input.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else self.weight.dtype
        with torch.autocast(device, enabled=False):
            parts = [each.to(dtype) for each in (input, self.weight, self.bias)]
            return nn.functional.layer_norm(parts[0], self.weight.shape, parts[1], parts[2], self.eps)


class autocast:  # noqa: N801 (the real name)
    def __init__(
        self,
        enabled: bool = True,
        calibrating: bool = False,
        recipe: Recipe | None = None,
        amax_reduction_group: Any = None,
        _graph: bool = False,
    ) -> None:
        self._enabled = enabled
        self._recipe = recipe
        self._previous: tuple[bool, Recipe | None] | None = None

    def __enter__(self) -> Self:
        if self._previous is not None:
            raise RuntimeError("autocast context manager cannot be entered more than once concurrently")
        if self._enabled and torch.compiler.is_compiling() and isinstance(self._recipe, DelayedScaling):
            raise RuntimeError("DelayedScaling is not supported under torch.compile.")
        self._previous = _state.enabled, _state.recipe
        _state.enabled, _state.recipe = self._enabled, self._recipe
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        assert self._previous is not None
        _state.enabled, _state.recipe = self._previous
        self._previous = None


def fp8_autocast(
    enabled: bool = True,
    calibrating: bool = False,
    fp8_recipe: Recipe | None = None,
    fp8_group: Any = None,
    _graph: bool = False,
) -> autocast:
    return autocast(enabled, calibrating, fp8_recipe, fp8_group, _graph)


def is_fp8_available(return_reason: bool = False) -> bool | tuple[bool, str]:
    available = not _UNAVAILABLE
    return (available, _UNAVAILABLE) if return_reason else available
