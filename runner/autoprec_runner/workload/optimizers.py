"""The optimizer of a step: the user's, the model's own, or AdamW."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import Parameter
from torch.optim import Optimizer

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.identity import identity, type_name

_LEARNING_RATE = 1e-3


@dataclass(frozen=True, kw_only=True)
class OptimizerRecipe:
    """How every trial makes its optimizer, with what tells it from others, and sentences for the user."""

    make: Callable[[nn.Module], Optimizer]
    identity: Any
    text: str
    sentences: tuple[str, ...] = ()


def trainable(model: nn.Module) -> list[Parameter]:
    """Return the parameters that require a gradient."""
    return [each for each in model.parameters() if each.requires_grad]


def given_optimizer(model: nn.Module, optimizer: Callable[[Any], Optimizer]) -> OptimizerRecipe:
    """Return the recipe of the user's `optimizer(parameters)`, tried on `model` once.

    Raises:
        WorkloadError: It fails, or does not return an optimizer of these parameters.
    """
    return recipe(model, lambda model: optimizer(trainable(model)), source="optimizer(parameters)")


def default_optimizer(model: nn.Module) -> OptimizerRecipe:
    """Return AdamW with torch's defaults and a learning rate of 0.001."""
    return recipe(
        model,
        lambda model: torch.optim.AdamW(trainable(model), lr=_LEARNING_RATE),
        source="AdamW",
        sentences=("Optimizer assumed: AdamW with a learning rate of 0.001.",),
    )


def recipe(
    model: nn.Module,
    make: Callable[[nn.Module], Any],
    *,
    source: str,
    sentences: tuple[str, ...] = (),
) -> OptimizerRecipe:
    """Return the recipe of `make(model)`, tried once, which allocates no optimizer state."""
    try:
        optimizer = make(model)
    except WorkloadError:
        raise
    except Exception as error:
        raise WorkloadError(f"{source} failed: {type(error).__name__}: {error}") from error
    if not isinstance(optimizer, Optimizer):
        raise WorkloadError(f"{source} returned an object of type {type(optimizer).__name__}, not an Optimizer.")
    _check_parameters(model, optimizer, source)
    return OptimizerRecipe(
        make=make,
        identity=[type_name(type(optimizer)), [_group_identity(group) for group in optimizer.param_groups]],
        text=type(optimizer).__name__,
        sentences=sentences,
    )


def _check_parameters(model: nn.Module, optimizer: Optimizer, source: str) -> None:
    own = {id(each) for each in model.parameters()}
    if not any(id(each) in own for group in optimizer.param_groups for each in group["params"]):
        raise WorkloadError(
            f"{source} made an optimizer of other parameters than the model's. Use the parameters that it is given.",
        )


def _group_identity(group: dict[str, Any]) -> Any:
    settings = {key: value for key, value in group.items() if key != "params"}
    return [identity(settings), [list(each.shape) for each in group["params"]]]
