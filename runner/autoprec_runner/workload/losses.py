"""The loss of a step: given by the user, by the model's output, or by the batch's targets."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (as everybody calls it)
from torch import Tensor, nn
from torch.nn.modules.loss import _Loss

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.call import TARGET_NAMES, Call
from autoprec_runner.workload.identity import identity
from autoprec_runner.workload.tensors import describe, floating_tensors

_CHANNELS_FIRST_NDIM = 4


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss of (output, batch) with what tells it from others, and a sentence if it was inferred."""

    compute: Callable[[Any, Any], Any]
    identity: Any
    sentence: str | None = None


def given_loss(loss: Callable[..., Any]) -> Loss:
    """Return the user's loss; one of torch's own is called with the output and the batch's target."""
    if not _is_from_torch(loss):
        return Loss(compute=loss, identity=identity(loss))
    return Loss(
        compute=lambda output, batch: loss(output, _target(batch)),
        identity=identity(loss),
        sentence=f"The loss {_name(loss)} is called with the model's output and the last element of the batch.",
    )


def infer_loss(output: Any, batch: Any, call: Call) -> Loss | None:
    """Return the loss that the model's output or the targets in the batch suggest, or None where neither does."""
    targets = [each for each in call.targets(batch) if isinstance(each, Tensor)]
    own = _loss_in(output)
    if own is not None:
        return Loss(compute=lambda output, _: _loss_in(output), identity="own", sentence=None)
    floating = floating_tensors(output)
    if len(targets) != 1 or not floating:
        return None
    return _from_target(floating[0], targets[0], call)


def checked(value: Any, *, source: str) -> Tensor:
    """Return `value` if it is a loss that a step can go back from.

    Raises:
        WorkloadError: It is no tensor, not a scalar, not floating, or nothing that requires a gradient led to it.
    """
    if not isinstance(value, Tensor):
        raise WorkloadError(f"{source} is {describe(value)}, not a tensor. It has to be a scalar tensor.")
    if value.numel() != 1:
        raise WorkloadError(f"{source} is {describe(value)}, not a scalar. Reduce it, for example with `.mean()`.")
    if not value.is_floating_point():
        raise WorkloadError(f"{source} is {describe(value)}, not a floating number, so it has no gradient.")
    if torch.is_grad_enabled() and not value.requires_grad:
        raise WorkloadError(
            f"{source} does not require a gradient: it was computed under no_grad, from `.detach()` or `.item()`, or "
            "from no trainable parameter.",
        )
    return value.reshape(())


def check_given_loss(loss: Loss, output: Any, batch: Any) -> None:
    """Run a user's loss once on an output that stands for the model's, so that its faults are told before any trial.

    Raises:
        WorkloadError: The loss fails on this output and batch, or does not return a scalar that has a gradient.
    """
    with torch.set_grad_enabled(bool(floating_tensors(output))):
        try:
            value = loss.compute(_as_computed(output), batch)
        except Exception as error:
            raise WorkloadError(
                f"The loss failed: {type(error).__name__}: {error}\n  output: {describe(output)}\n"
                f"  batch: {describe(batch)}\nIt is called as loss(output, batch) and returns a scalar tensor.",
            ) from error
        checked(value, source="The loss")


def _as_computed(output: Any) -> Any:
    """Return a copy of the output whose floating tensors require a gradient, as if the model had computed them."""
    zero = torch.zeros((), requires_grad=True)
    return copy.deepcopy(output, {id(each): each + zero.to(each) for each in floating_tensors(output)})


def _is_from_torch(loss: Any) -> bool:
    return isinstance(loss, _Loss) or getattr(loss, "__module__", None) == "torch.nn.functional"


def _name(loss: Any) -> str:
    return type(loss).__name__ if isinstance(loss, nn.Module) else str(loss.__name__)


def _target(batch: Any) -> Any:
    if isinstance(batch, tuple | list):
        return batch[-1]
    names = [name for name in TARGET_NAMES if hasattr(batch, "keys") and name in batch]
    if not names:
        raise WorkloadError(
            f"The batch {describe(batch)} has no target for a loss of torch. Pass (inputs, target), or a function "
            "loss(output, batch).",
        )
    return batch[names[0]]


def _loss_in(output: Any) -> Tensor | None:
    """Return the scalar that an output carries: `.loss`, ["loss"], itself, or the only scalar of a tuple."""
    if isinstance(output, Tensor):
        return output if output.ndim == 0 and output.is_floating_point() else None
    if isinstance(output, tuple | list) and not hasattr(output, "loss"):
        scalars = [each for each in output if isinstance(each, Tensor) and each.ndim == 0 and each.is_floating_point()]
        return scalars[0] if len(scalars) == 1 else None
    loss = output.get("loss") if isinstance(output, dict) else getattr(output, "loss", None)
    return loss if isinstance(loss, Tensor) else None


def _from_target(output: Tensor, target: Tensor, call: Call) -> Loss | None:
    shapes = f"{describe(output)} and the target {describe(target)}"
    if target.is_floating_point() and _same_but_for_ones(output, target):
        return Loss(
            compute=lambda output, batch: _mean_squared_error(floating_tensors(output)[0], call.targets(batch)[0]),
            identity="mean squared error",
            sentence=f"Loss inferred: mean squared error, from the output {shapes}.",
        )
    axis = None if target.is_floating_point() else _class_axis(output, target)
    if axis is None:
        return None
    if target.max() >= output.shape[axis]:
        raise WorkloadError(
            f"The target holds class {int(target.max())}, the output {describe(output)} has {output.shape[axis]} "
            "classes, counted from 0. Pass loss= if the target does not hold classes.",
        )
    return Loss(
        compute=lambda output, batch: _cross_entropy(floating_tensors(output)[0], call.targets(batch)[0], axis),
        identity="cross entropy",
        sentence=f"Loss inferred: cross entropy, from the output {shapes}.",
    )


def _class_axis(logits: Tensor, target: Tensor) -> int | None:
    """Return the axis of classes: the last ([B, C], [B, T, V]), or 1 for images ([B, C, S, S]); None for neither."""
    fits = [
        axis
        for axis in ((1, -1) if logits.ndim >= _CHANNELS_FIRST_NDIM else (-1, 1))
        if logits.ndim > 1 and logits.movedim(axis, -1).shape[:-1] == target.shape
    ]
    return fits[0] if fits else None


def _cross_entropy(logits: Tensor, target: Tensor, axis: int) -> Tensor:
    return F.cross_entropy(logits.movedim(axis, -1).flatten(0, -2), target.flatten().long())


def _same_but_for_ones(output: Tensor, target: Tensor) -> bool:
    return output.squeeze().shape == target.squeeze().shape


def _mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(output, target.reshape(output.shape))
