"""What really runs: observed on the model, its gradients and its optimizer, not taken from what was asked for."""

from collections import Counter
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from autoprec_runner.precision.base import Precision
from autoprec_runner.trial import EffectiveDtypes


def observe_effective_dtypes(
    plugin: Precision,
    model: nn.Module,
    optimizer: Optimizer | None = None,
    *,
    device: str = "cpu",
) -> EffectiveDtypes:
    """Return the dtypes of `model` as `plugin` runs it on `device`.

    Where several occur, all are named, the most frequent first. Gradients and optimizer state are None until there are
    any; `inputs` is what a float32 input is converted to.
    """
    parameters = _names(model.parameters()) or "none"
    gradients = (each.grad for each in model.parameters() if each.grad is not None)
    return EffectiveDtypes(
        parameters=parameters,
        compute=plugin.compute_dtype() or _autocast_dtype(plugin, device) or parameters,
        gradients=_names(gradients),
        optimizer_state=_names(_state_tensors(optimizer)) if optimizer is not None else None,
        inputs=_names([plugin.convert_input(torch.empty(0))]),
        note=plugin.report,
    )


def _autocast_dtype(plugin: Precision, device: str) -> str | None:
    with plugin.forward_context():
        return _name(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else None


def _state_tensors(optimizer: Optimizer) -> Iterable[Tensor]:
    for state in optimizer.state.values():
        # The step counter is float32 whatever the rest is.
        yield from (value for key, value in state.items() if isinstance(value, Tensor) and key != "step")


def _names(tensors: Iterable[Tensor]) -> str | None:
    counts = Counter(_name(each.dtype) for each in tensors)
    return ", ".join(name for name, _ in counts.most_common()) or None


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
