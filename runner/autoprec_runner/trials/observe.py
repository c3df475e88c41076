"""What the modules of a model put out during a step: the largest number, and the first that is not finite."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from autoprec_runner.workload.tensors import floating_tensors

_REPORTED_MODULES = 8


@dataclass(kw_only=True)
class Activations:
    """Per module, by its qualified name: what its outputs reached. Everything stays on the device until the summary."""

    peaks: dict[str, torch.Tensor] = field(default_factory=dict)
    """Largest absolute activation seen; inf and NaN stay what they are."""
    firsts: dict[str, torch.Tensor] = field(default_factory=dict)
    """Number of the output that was the first not to be finite, counted over all modules; inf where all were."""
    dtypes: dict[str, torch.dtype] = field(default_factory=dict)
    outputs: int = 0

    def record(self, name: str, output: Any) -> None:
        """Take the extremes of every floating tensor in a module's output."""
        self.outputs += 1
        for tensor in dense_tensors(output):
            peak = _peak(tensor.detach())
            first = torch.full_like(peak, self.outputs).where(~peak.isfinite(), math.inf)
            self.peaks[name] = torch.maximum(self.peaks.get(name, peak), peak)
            self.firsts[name] = torch.minimum(self.firsts.get(name, first), first)
            self.dtypes[name] = tensor.dtype

    def summary(self) -> dict[str, Any]:
        """Return what crosses to the parent: non-finite modules, largest activations, least headroom in bits.

        Non-finite modules come in the order in which they became so: an inner one before those around it.
        """
        largest = {name: float(peak) for name, peak in self.peaks.items()}
        finite = {name: value for name, value in largest.items() if math.isfinite(value)}
        bits = {
            name: math.log2(torch.finfo(self.dtypes[name]).max / value) for name, value in finite.items() if value > 0
        }
        nonfinite = sorted((name for name in largest if name not in finite), key=lambda name: float(self.firsts[name]))
        return {
            "nonfinite": nonfinite[:_REPORTED_MODULES],
            "largest": dict(sorted(finite.items(), key=lambda item: -item[1])[:_REPORTED_MODULES]),
            "headroom_bits": min(bits.values(), default=None),
            "tightest": dict(sorted(bits.items(), key=lambda item: item[1])[:_REPORTED_MODULES]),
        }


@contextmanager
def observed(model: nn.Module, *, inside: bool = True) -> Iterator[Activations]:
    """Record the activations of every module of `model` while the context is open.

    Args:
        model: The model.
        inside: False for its own output alone: in a forward that is compiled, hooks would become part of the program.
    """
    activations = Activations()
    handles = [
        module.register_forward_hook(_recorder(activations, name or type(model).__name__))
        for name, module in (model.named_modules() if inside else [("", model)])
    ]
    try:
        yield activations
    finally:
        for handle in handles:
            handle.remove()


def dense_tensors(output: Any) -> Iterator[torch.Tensor]:
    """Yield the non-empty, dense floating tensors in a module's output, in a fixed order."""
    for tensor in floating_tensors(output):
        if tensor.layout is torch.strided and not tensor.is_nested and tensor.numel():
            yield tensor


def _recorder(activations: Activations, name: str) -> Callable[[nn.Module, Any, Any], None]:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        activations.record(name, output)

    return hook


def _peak(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dtype.itemsize == 1:  # aminmax has no kernel for float8
        tensor = tensor.float()
    low, high = torch.aminmax(tensor)
    return torch.maximum(low.abs(), high.abs()).double()
