"""What a user gives: a model and, where they cannot be inferred, its batches, loss and optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from autoprec_runner.errors import WorkloadError
from autoprec_runner.trial import Mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn
    from torch.optim import Optimizer

MAX_BATCHES = 16
"""The most batches that are taken from an iterable; a study repeats them in order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Workload:
    """Everything one step needs. Only the model is required; what is left out is inferred and told to the user.

    What counts as one batch and what as many:

    * a tensor, an array, a mapping, a tuple with at least one tensor in it, or a list with at least one tensor in it
      is **one batch**;
    * a DataLoader, a generator, or a list or tuple of such batches is **many**, of which the first `MAX_BATCHES` are
      taken. Wrap tensors that are batches of their own in `iter([...])`.

    Attributes:
        model: An `nn.Module`, a LightningModule or a Hugging Face model, on the CPU or on a device.
        batch: One batch, or an iterable of batches. None: inferred from the model's first layers.
        loss: `loss(output, batch) -> scalar tensor`. A loss of `torch.nn` is called as `loss(output, target)`, the
            target being the batch's last element. None: inferred from the model's output and the batch.
        optimizer: `optimizer(parameters) -> Optimizer`. None: the model's own `configure_optimizers`, else AdamW.
        metric: `metric(model, batches) -> float`, an accuracy or error of the user's own, taken in each candidate's
            precision; it may differ from that of fp32 by the tolerance. `batches` are those of this workload.
        mode: "train" or "inference"; None leaves it to whoever asks.
        name: What to call the workload in tables; None for the model's class.

    Raises:
        WorkloadError: The mode is neither, or the loss or the optimizer cannot be called.
    """

    model: nn.Module
    batch: Any = None
    loss: Callable[[Any, Any], Tensor] | None = None
    optimizer: Callable[[Any], Optimizer] | None = None
    metric: Callable[[Any, Any], float] | None = None
    mode: Mode | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse what can be told to be wrong without running anything."""
        if self.mode not in (None, *get_args(Mode)):
            raise WorkloadError(f"Unknown mode {self.mode!r}. A workload is in mode 'train' or 'inference'.")
        if self.loss is not None and not callable(self.loss):
            raise WorkloadError(f"The loss is {_a(self.loss)}. Pass a callable: loss(output, batch) -> scalar tensor.")
        if self.metric is not None and not callable(self.metric):
            raise WorkloadError(f"The metric is {_a(self.metric)}. Pass a callable: metric(model, batches) -> float.")
        if self.optimizer is not None and not callable(self.optimizer):
            raise WorkloadError(
                f"The optimizer is {_a(self.optimizer)}. Every trial makes its own, so pass a callable that takes the "
                f"parameters, such as `lambda parameters: {type(self.optimizer).__name__}(parameters, lr=1e-3)`.",
            )


def _a(value: object) -> str:
    return f"an object of type {type(value).__name__}"
