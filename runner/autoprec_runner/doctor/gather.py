"""Describing a workload for the doctor, in the child process where the model lives."""

import inspect
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import SGD, Adam, AdamW, NAdam, Optimizer, RAdam

from autoprec_runner.compiled import holds_compiled
from autoprec_runner.doctor.traits import LinearShape, OptimizerTraits, ParameterGroup, WeightTraits, WorkloadTraits
from autoprec_runner.precision.transformer_engine.coverage import misfit
from autoprec_runner.workload.task import Task
from autoprec_runner.workload.tensors import tensors_of

_LOOKED_AT = 4_096
"""Numbers of one parameter that are looked at: enough to tell where they come from, and done in milliseconds."""
_TRIED_MATRICES = 256
_MATRIX = 2
_VECTORS, _SEQUENCES = 2, 3
_FEW_NUMBERS = 8
_LOW_HALF = 0xFFFF
"""The bits of a float32 that bfloat16 does not have."""


def gather_traits(task: Task) -> WorkloadTraits:
    """Return the description of a workload whose model has not been set up for any precision yet."""
    model = task.model
    optimizer = task.make_optimizer(model) if task.mode == "train" else None
    counts = [(each.numel(), each.requires_grad) for each in model.parameters() if not is_lazy(each)]
    return WorkloadTraits(
        mode=task.mode,
        parameters=sum(count for count, _ in counts),
        trained_parameters=sum(count for count, trained in counts if trained),
        weights=_weights(model, task.weights_dtype),
        linears=tuple(_linears(model)),
        input_dtypes=tuple(dict.fromkeys(_name(each.dtype) for each in tensors_of(task.batches[0]))),
        rows=_rows(task),
        compiled=holds_compiled(model),
        optimizer=_optimizer(optimizer) if optimizer else None,
    )


def _rows(task: Task) -> int | None:
    """Return how many rows a linear layer sees of ids [B, T], vectors [B, D] or sequences [B, T, D]; else None."""
    first = next(tensors_of(task.batches[0]), None)
    if task.tokens_per_batch is not None or first is None or not first.is_floating_point():
        return task.tokens_per_batch
    is_known = first.ndim in {_VECTORS, _SEQUENCES} and first.numel() > 0
    return first.numel() // first.shape[-1] if is_known else None


def _weights(model: nn.Module, given_dtype: str) -> WeightTraits:
    named = [(name, each.detach()) for name, each in model.named_parameters() if _is_plain(each)]
    largest = max(((_peak(each), name) for name, each in named), default=(0.0, ""))
    matrices = [_sample(each) for _, each in named if each.ndim >= _MATRIX][:_TRIED_MATRICES]
    trained = [_sample(each.detach()) for each in model.parameters() if _is_plain(each) and _is_trained_matrix(each)]
    return WeightTraits(
        given_dtype=given_dtype,
        fit_bfloat16=any(map(_is_varied, matrices)) and all(map(_fits_bfloat16, matrices)),
        largest=largest[0],
        largest_name=largest[1],
        typical=float(torch.cat(trained[:_TRIED_MATRICES]).abs().median()) if trained else None,
    )


def _is_plain(parameter: Tensor) -> bool:
    return parameter.dtype is torch.float32 and parameter.layout is torch.strided and not is_lazy(parameter)


def _is_trained_matrix(parameter: Tensor) -> bool:
    return parameter.requires_grad and parameter.ndim >= _MATRIX and parameter.numel() > 0


def _peak(parameter: Tensor) -> float:
    """Return the largest size of a number; 0 where there is none, or one that is not finite."""
    low, high = torch.aminmax(parameter) if parameter.numel() else (torch.zeros(()), torch.zeros(()))
    peak = max(-float(low), float(high))
    return peak if math.isfinite(peak) else 0.0


def _sample(parameter: Tensor) -> Tensor:
    """Return numbers from all over a parameter."""
    flat = parameter.flatten()
    return flat[:: max(1, flat.numel() // _LOOKED_AT)]


def _is_varied(numbers: Tensor) -> bool:
    """Tell whether numbers look trained or drawn: zeros and ones are numbers of every format."""
    return len(set(numbers.tolist())) > _FEW_NUMBERS


def _fits_bfloat16(numbers: Tensor) -> bool:
    return not bool((numbers.contiguous().view(torch.int32) & _LOW_HALF).any())


def _linears(model: nn.Module) -> Iterator[LinearShape]:
    """Yield the linear layers by shape; one that is used under two names counts twice."""
    found: dict[tuple[int, int, str | None], list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, nn.Linear):
            # Any dimension is a multiple of 1: what a dimension may be depends on the hardware.
            found.setdefault((module.in_features, module.out_features, misfit(module, 1)), []).append(name)
    for (in_features, out_features, why), names in found.items():
        yield LinearShape(
            first=names[0],
            count=len(names),
            in_features=in_features,
            out_features=out_features,
            misfit=why,
        )


def _optimizer(optimizer: Optimizer) -> OptimizerTraits:
    groups = optimizer.param_groups
    step = inspect.signature(optimizer.step).parameters.get("closure")
    return OptimizerTraits(
        name=type(optimizer).__name__,
        groups=tuple(_group(each) for each in groups),
        needs_closure=step is not None and step.default is inspect.Parameter.empty,
        handles_unscaling=bool(getattr(optimizer, "_step_supports_amp_scaling", False)),
        fused=any(bool(each.get("fused")) for each in groups),
        state_tensors=_state_tensors(optimizer, groups),
    )


def _group(group: dict[str, Any]) -> ParameterGroup:
    return ParameterGroup(
        parameters=sum(each.numel() for each in group["params"] if not is_lazy(each)),
        learning_rate=_number(group.get("lr")),
        eps=_number(group.get("eps")),
        second_moment_decay=_second(group.get("betas")),
        adaptive="betas" in group,
    )


def _state_tensors(optimizer: Optimizer, groups: Sequence[dict[str, Any]]) -> int | None:
    """Return how many tensors of a parameter's size the optimizer keeps (torch.optim, `_init_group` of each class)."""
    if type(optimizer) in {Adam, AdamW, NAdam, RAdam}:
        return 3 if any(each.get("amsgrad") for each in groups) else 2
    if type(optimizer) is SGD:
        return 1 if any(each["momentum"] for each in groups) else 0
    return None


def _second(betas: Any) -> float | None:
    return _number(betas[1]) if isinstance(betas, tuple | list) and len(betas) > 1 else None


def _number(value: Any) -> float | None:
    """Return a setting as a number: learning rates may be tensors, and some optimizers have a pair of eps."""
    if isinstance(value, Tensor):
        return float(value) if value.numel() == 1 else None
    return float(value) if isinstance(value, int | float) else None


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
