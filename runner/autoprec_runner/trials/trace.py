"""What every innermost module takes and puts out in one forward, to find where a candidate departs from fp32."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from autoprec_runner.trials.observe import dense_tensors

MOST_SAMPLED = 2**14
"""Numbers kept of what a module takes, and of what it puts out."""

Trace = dict[str, tuple[Tensor, Tensor]]
"""By the name of a module, samples of what it took and put out when it was called first."""


@contextmanager
def traced(model: nn.Module) -> Iterator[Trace]:
    """Fill the trace with one entry for every innermost module that runs while the context is open."""
    trace: Trace = {}
    handles = [
        module.register_forward_hook(_recorder(trace, name), with_kwargs=True)
        for name, module in model.named_modules()
        if name and next(module.children(), None) is None
    ]
    try:
        yield trace
    finally:
        for handle in handles:
            handle.remove()


def departures(ours: Trace, reference: Trace) -> dict[str, tuple[float, float]]:
    """Return the relative L2 errors of what each module took and put out, in the order in which modules ran."""
    found = {}
    for name, (taken, put_out) in ours.items():
        if name in reference:
            found[name] = (_error(taken, reference[name][0]), _error(put_out, reference[name][1]))
    return found


def _recorder(trace: Trace, name: str) -> Callable[..., None]:
    def hook(_module: nn.Module, arguments: Any, options: Any, output: Any) -> None:
        if name not in trace:
            trace[name] = (_sample((arguments, options)), _sample(output))

    return hook


def _sample(value: Any) -> Tensor:
    found = [each.detach().reshape(-1) for each in dense_tensors(value)]
    if not found:
        return torch.empty(0)
    whole = torch.cat([each[:: max(1, each.numel() // MOST_SAMPLED)].to("cpu", torch.float64) for each in found])
    return whole[:MOST_SAMPLED]


def _error(mine: Tensor, true: Tensor) -> float:
    """Return 0 where there is nothing to compare, infinity where shapes or finite numbers differ."""
    if mine.shape != true.shape:
        return float("inf")
    norm = float(true.norm())
    return float((mine - true).norm()) / norm if norm else float(mine.norm())
