"""What one step computes: the loss of a batch (train) and the output for a batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.adapters import OwnStep
from autoprec_runner.workload.call import Call, calls, find_call
from autoprec_runner.workload.data import Data
from autoprec_runner.workload.losses import Loss, check_given_loss, checked, given_loss, infer_loss
from autoprec_runner.workload.probing import is_out_of_memory, untouched
from autoprec_runner.workload.regression import SENTENCE, regression_loss, regression_targets
from autoprec_runner.workload.tensors import describe
from autoprec_runner.workload.tried import Tried


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step, tried on the first batch without gradients, here or in another process."""

    batches: tuple[Any, ...]
    output_of: Callable[[nn.Module, Any], Any]
    loss_of: Callable[[nn.Module, Any], Tensor] | None = None
    entry_points: tuple[str, ...] = ("forward",)
    identity: Any = None
    sentences: tuple[str, ...] = ()
    tried: Tried | None = None


def inference_step(model: nn.Module, data: Data, tried: Tried | None = None) -> Step:
    """Return the step that calls the model; the model is run once unless that has been `tried` elsewhere.

    Raises:
        WorkloadError: The batch does not fit the model.
    """
    call, output = _call(model, data, tried)
    return Step(batches=data.batches, output_of=call, sentences=_told(call, data), tried=_of(call, output))


def training_step(
    model: nn.Module, data: Data, loss: Callable[[Any, Any], Any] | None, *, seed: int, tried: Tried | None = None
) -> Step:
    """Return the step with the user's loss, else the one that output or targets suggest, else regression.

    The model is run once unless that has been `tried` elsewhere, and enough is known of its output.

    Raises:
        WorkloadError: The batch does not fit the model, or the loss does not fit output and batch.
    """
    known = tried if loss is not None or (tried and tried.shape is not None) else None
    call, output = _call(model, data, known)
    if loss is not None:
        given = given_loss(loss)
        if known is None:
            check_given_loss(given, output, data.batches[0])
        return _loss_step(data, call, given, _of(call, output))
    inferred = infer_loss(output, data.batches[0], call)
    if inferred:
        return _loss_step(data, call, inferred, _of(call, output))
    return _regression_step(model, data, call, seed, _of(call, output))


def own_training_step(model: nn.Module, data: Data, own: OwnStep, tried: Tried | None = None) -> Step:
    """Return the step of a model that computes its loss by itself; it is run once unless `tried` elsewhere.

    Raises:
        WorkloadError: The model's step fails on the first batch, or does not return a scalar.
    """
    source = f"{own.method} of {type(model).__name__}"
    output_of = next(calls(model, data.batches[0]))
    try:
        if tried is None:
            with untouched(model):
                checked(own.loss_of(model, data.batches[0]), source=source)
    except WorkloadError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise WorkloadError(
            f"{source} failed on its first batch {describe(data.batches[0])}: {type(error).__name__}: {error}",
        ) from error
    return Step(
        batches=data.batches,
        output_of=output_of,
        loss_of=lambda model, batch: checked(own.loss_of(model, batch), source=source),
        entry_points=(own.method,),
        identity=own.identity,
        sentences=(own.sentence,),
        tried=_of(output_of, None),
    )


def _call(model: nn.Module, data: Data, tried: Tried | None) -> tuple[Call, Any]:
    """Return the call with the output that it gives, or where it was tried elsewhere, with a tensor on no device."""
    if tried is not None and not any(map(is_lazy, model.parameters())):
        known = [each for each in calls(model, data.batches[0]) if each.text == tried.call]
        if data.call or known:
            return data.call or known[0], _stand_in(tried)
    if data.call is None:
        return find_call(model, data.batches[0])
    with untouched(model):
        return data.call, data.call(model, data.batches[0])


def _of(call: Call, output: Any) -> Tried:
    if not isinstance(output, Tensor):
        return Tried(call=call.text)
    return Tried(call=call.text, shape=tuple(output.shape), dtype=str(output.dtype).removeprefix("torch."))


def _stand_in(tried: Tried) -> Tensor | None:
    if tried.shape is None or tried.dtype is None:
        return None
    return torch.empty(tried.shape, dtype=getattr(torch, tried.dtype), device="meta")


def _told(call: Call, data: Data) -> tuple[str, ...]:
    """Tell how a batch of several parts is used, unless we made it."""
    if data.call is not None or not isinstance(data.batches[0], tuple | list):
        return ()
    rest = "; the rest is the target" if call.targets(data.batches[0]) else ""
    return (f"The model is called as {call.text}{rest}.",)


def _loss_step(data: Data, call: Call, loss: Loss, tried: Tried) -> Step:
    def loss_of(model: nn.Module, batch: Any) -> Tensor:
        return checked(loss.compute(call(model, batch), batch), source="The loss")

    sentences = _told(call, data) + ((loss.sentence,) if loss.sentence else ())
    return Step(
        batches=data.batches,
        output_of=call,
        loss_of=loss_of,
        identity=[call.text, loss.identity],
        sentences=sentences,
        tried=tried,
    )


def _regression_step(model: nn.Module, data: Data, call: Call, seed: int, tried: Tried) -> Step:
    targets = [regression_targets(model, call, batch, seed=seed) for batch in data.batches]

    def loss_of(model: nn.Module, pair: tuple[Any, tuple[Tensor, ...]]) -> Tensor:
        batch, targets = pair
        return checked(regression_loss(call(model, batch), targets), source="The loss")

    return Step(
        batches=tuple(zip(data.batches, targets, strict=True)),
        output_of=lambda model, pair: call(model, pair[0]),
        loss_of=loss_of,
        identity=[call.text, "regression"],
        sentences=(*_told(call, data), SENTENCE),
        tried=tried,
    )
