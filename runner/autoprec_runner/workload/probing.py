"""Runs of the user's model that leave no trace in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from autoprec_runner.workload.seeding import kept_generators


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Run the model inside without gradients; its buffers and the random generators are as before afterwards."""
    saved = [(module, name, buffer, _copy(buffer)) for module in model.modules() for name, buffer in _buffers(module)]
    with kept_generators(), torch.no_grad():
        try:
            yield
        finally:
            for module, name, buffer, copy in saved:
                buffer.copy_(copy)
                module._buffers[name] = buffer  # noqa: SLF001 (setattr would refuse what a hook replaced)


@contextmanager
def perturbed(model: nn.Module, *, relative: float, seed: int) -> Iterator[None]:
    """Add seeded noise to the floating parameters inside, `relative` times their root mean square; restore their bits.

    A parameter that is zero throughout gets noise as if its root mean square were 0.01, so that it counts, too.
    """
    generator = torch.Generator().manual_seed(seed)
    saved = [(each, each.detach().clone()) for each in model.parameters() if each.is_floating_point()]
    try:
        with torch.no_grad():
            for parameter, copy in saved:
                scale = relative * copy.square().mean().sqrt().clamp(min=0.01)
                parameter.add_(torch.randn(copy.shape, generator=generator).to(copy) * scale)
        yield
    finally:
        with torch.no_grad():
            for parameter, copy in saved:
                parameter.copy_(copy)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether a run failed for want of memory, which says nothing about how the model is to be called."""
    texts = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(text in str(error).lower() for text in texts)


def short(error: BaseException) -> str:
    """Return an error in one line of at most 160 characters."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:160]


def _buffers(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, each) for name, each in module._buffers.items() if each is not None]  # noqa: SLF001


def _copy(buffer: Tensor) -> Tensor:
    return buffer.detach().clone()
