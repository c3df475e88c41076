"""What the modules of a model put out during a step: the largest number, and the first that is not finite."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

_REPORTED_MODULES = 8


@dataclass(kw_only=True)
class Activations:
    """Per module, by its qualified name and in the order in which they finished: what its outputs reached."""

    peaks: dict[str, torch.Tensor] = field(default_factory=dict)
    """Largest absolute activation seen, still on the device; inf and NaN stay what they are."""
    dtypes: dict[str, torch.dtype] = field(default_factory=dict)

    def record(self, name: str, output: Any) -> None:
        """Take the extremes of every floating tensor in a module's output."""
        for tensor in floating_tensors(output):
            low, high = torch.aminmax(tensor.detach())
            peak = torch.maximum(low.abs(), high.abs()).double()
            seen = self.peaks.get(name)
            self.peaks[name] = peak if seen is None else torch.maximum(seen, peak)
            self.dtypes[name] = tensor.dtype

    def summary(self) -> dict[str, Any]:
        """Return what crosses to the parent: non-finite modules, largest activations, least headroom in bits."""
        largest = {name: float(peak) for name, peak in self.peaks.items()}
        finite = {name: value for name, value in largest.items() if math.isfinite(value)}
        bits = {
            name: math.log2(torch.finfo(self.dtypes[name]).max / value) for name, value in finite.items() if value > 0
        }
        return {
            "nonfinite": [name for name in largest if name not in finite][:_REPORTED_MODULES],
            "largest": dict(sorted(finite.items(), key=lambda item: -item[1])[:_REPORTED_MODULES]),
            "headroom_bits": min(bits.values(), default=None),
        }


@contextmanager
def observed(model: nn.Module) -> Iterator[Activations]:
    """Record the activations of every module of `model` while the context is open."""
    activations = Activations()
    handles = [
        module.register_forward_hook(_recorder(activations, name or type(model).__name__))
        for name, module in model.named_modules()
    ]
    try:
        yield activations
    finally:
        for handle in handles:
            handle.remove()


def _recorder(activations: Activations, name: str) -> Any:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        activations.record(name, output)

    return hook


def floating_tensors(output: Any) -> Iterator[torch.Tensor]:
    """Yield the non-empty floating tensors in a module's output, in a fixed order."""
    if isinstance(output, torch.Tensor):
        if output.is_floating_point() and output.numel():
            yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from floating_tensors(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from floating_tensors(value)
