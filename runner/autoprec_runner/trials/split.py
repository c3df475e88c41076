"""Where the time of a step goes, and what it starts and holds: seen in steps that are run for this alone."""

import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode

from autoprec_runner.precision.weights import weight_bytes
from autoprec_runner.trials.examine import own_part
from autoprec_runner.trials.moments import StepListener

_CHAINS, _CHAIN_OPERATIONS = 15, 50


class Stopwatch(StepListener):
    """Takes the time between the moments of each step; the device is waited for at each of them.

    Args:
        synchronize: Waits until the device has done what it was asked for.
        clock: Seconds, from any start.
    """

    wants_data = True

    def __init__(self, synchronize: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> None:
        self._synchronize = synchronize
        self._clock = clock
        self._laps: dict[str, list[float]] = {}
        self._last = 0.0

    def begin(self) -> None:
        """Start."""
        self._synchronize()
        self._last = self._clock()

    def after_data(self) -> None:
        """Take the time of the move."""
        self._lap("move")

    def after_forward(self) -> None:
        """Take the time of the forward pass and the loss."""
        self._lap("forward")

    def after_backward(self) -> None:
        """Take the time of the backward pass."""
        self._lap("backward")

    def end(self) -> None:
        """Take the time of the update, if there was one."""
        if "backward" in self._laps:
            self._lap("optimizer")

    def summary(self) -> dict[str, Any]:
        """Return the median of each part in seconds, and the number of steps."""
        parts = {f"{name}_seconds": median(laps) for name, laps in self._laps.items()}
        return {**parts, "steps": len(self._laps["forward"])}

    def _lap(self, name: str) -> None:
        self._synchronize()
        now = self._clock()
        self._laps.setdefault(name, []).append(now - self._last)
        self._last = now


class Weigher(StepListener):
    """Weighs what a training step holds for longer than an operation: weights, gradients, optimizer state, in bytes."""

    def __init__(self, model: nn.Module, optimizer: Optimizer | None) -> None:
        self._model = model
        self._optimizer = optimizer
        self._gradients_bytes: int | None = None

    def after_backward(self) -> None:
        """Weigh the gradients while they are there."""
        gradients = [each.grad for each in self._model.parameters() if each.grad is not None]
        self._gradients_bytes = _bytes(gradients) if gradients else None

    def summary(self) -> dict[str, int | None]:
        """Return what was weighed; None for what is not there, or not to be seen."""
        states = self._optimizer.state.values() if self._optimizer else ()
        held = [each for state in states for each in state.values() if isinstance(each, Tensor)]
        return {
            "weights_bytes": self._weights_bytes(),
            "gradients_bytes": self._gradients_bytes,
            "optimizer_bytes": _bytes(held) if held else None,
        }

    def _weights_bytes(self) -> int:
        tensors = (*self._model.parameters(), *self._model.buffers())
        is_shared = any(hasattr(each, "to_local") for each in tensors)
        return _bytes(tensors) if is_shared else weight_bytes(self._model)


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it unannotated
    """Counts the operations that are started while the context is open, those of the backward pass included."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count an operation and run it."""
        self.count += 1
        return func(*args, **(kwargs or {}))


def start_seconds(device: torch.device, *, training: bool) -> float:
    """Return what starting one operation costs the host, as a median over short chains of products of two numbers.

    In training a chain has its backward pass, so that what autograd costs is in the figure. Chains are shorter than the
    queue of an accelerator, which starts would wait for.
    """
    one = torch.ones((), device=device, requires_grad=training)
    seconds = []
    with Operations() as operations:
        _chain(one, training=training)
    for _ in range(_CHAINS):
        begin = time.perf_counter()
        _chain(one, training=training)
        seconds.append(time.perf_counter() - begin)
    started: int = operations.count
    return median(seconds) / started


def _chain(one: Tensor, *, training: bool) -> None:
    with torch.set_grad_enabled(training):
        product = one
        for _ in range(_CHAIN_OPERATIONS):
            product = product * one
        if training:
            torch.autograd.grad(product, one)


def _bytes(tensors: Iterable[Tensor]) -> int:
    """Return what this process holds of tensors, memory that several of them share counted once."""
    storages = {
        part.data_ptr(): part.untyped_storage().nbytes() for each in tensors for part in [own_part(each.detach())]
    }
    return sum(storages.values())
