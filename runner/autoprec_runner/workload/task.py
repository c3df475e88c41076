"""A workload made ready to run in this process: what it left out is inferred, and every inference is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from autoprec_runner.errors import WorkloadError
from autoprec_runner.fingerprint import model_fingerprint
from autoprec_runner.trial import Mode
from autoprec_runner.workload import huggingface, lightning  # noqa: F401 (they register their adapters)
from autoprec_runner.workload.adapters import Adapter, adapter_for
from autoprec_runner.workload.conversion import to_float32, weights_dtype
from autoprec_runner.workload.data import Data, completed, gather
from autoprec_runner.workload.identity import digest, identity
from autoprec_runner.workload.metrics import given_metric
from autoprec_runner.workload.optimizers import OptimizerRecipe, default_optimizer, given_optimizer, trainable
from autoprec_runner.workload.seeding import seeded
from autoprec_runner.workload.steps import Step, inference_step, own_training_step, training_step
from autoprec_runner.workload.tensors import describe
from autoprec_runner.workload.tried import Tried
from autoprec_runner.workload.workload import Workload


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Everything a trial runs. `loss_of` and `output_of` take elements of `batches`, also after a move or a cast.

    Attributes:
        model: The user's own module, weights in float32, in the mode's training state, still on its device.
        batches: At least one and at most `MAX_BATCHES`; the same in every process for the same workload and seed.
        mode: What a step is: forward, backward and update, or forward alone.
        make_optimizer: Returns a new optimizer of the trainable parameters of the module that it is given.
        loss_of: Returns the scalar loss of a batch; None in mode "inference".
        output_of: Returns the model's output for a batch, targets left out.
        metric_of: Returns the user's own metric of a model over `metric_batches`; None if there is none.
        metric_batches: The batches as the user gave them, without what a loss has added.
        entry_points: The model's methods that `loss_of` (train) or `output_of` (inference) calls.
        batch_size: Rows of the first batch; None where it holds no tensor with a first axis.
        tokens_per_batch: B·T where the first input is ids [B, T], else None.
        fetch_seconds: What drawing one batch took; None where there was nothing to draw from.
        weights_dtype: The dtype in which the weights were given, such as "bfloat16".
        fingerprint: Identity of the model's structure as it was given.
        key: Identity of model, batch structure, loss, optimizer, mode and seed.
        name: What to call it in tables.
        description: One line about model, batch, mode and optimizer.
        assumptions: A sentence for everything that was inferred or changed.
        tried: What was found out by running the model, for other processes.
    """

    model: nn.Module
    batches: tuple[Any, ...]
    mode: Mode
    make_optimizer: Callable[[nn.Module], Optimizer]
    loss_of: Callable[[nn.Module, Any], Tensor] | None
    output_of: Callable[[nn.Module, Any], Any]
    metric_of: Callable[[nn.Module, Any], float] | None = None
    metric_batches: tuple[Any, ...] = ()
    entry_points: tuple[str, ...] = ("forward",)
    batch_size: int | None
    tokens_per_batch: int | None
    fetch_seconds: float | None = None
    weights_dtype: str = "float32"
    fingerprint: str
    key: str
    name: str
    description: str
    assumptions: tuple[str, ...] = ()
    tried: Tried | None = None


def resolve(workload: Workload, *, mode: Mode | None = None, seed: int = 0, tried: Tried | None = None) -> Task:
    """Return the task of a workload; the same one for the same workload and seed, in every process.

    The model is changed only so far as every candidate needs it: weights of another floating dtype become float32, and
    the training state is the mode's. Buffers and random generators are left as they were.

    Args:
        workload: What the user gave.
        mode: "train" or "inference"; None for the workload's own, else "train".
        seed: For inferred inputs, for targets, and for the order of a shuffling DataLoader.
        tried: What another process found out about the same workload by running its model; None to run it here.

    Raises:
        WorkloadError: The parts do not make a step; the message says which does not fit and what would.
    """
    model, mode = workload.model, mode or workload.mode or "train"
    if not isinstance(model, nn.Module):
        raise WorkloadError(f"The model is an object of type {type(model).__name__}, not an nn.Module.")
    with seeded(seed):
        adapter = adapter_for(model)
        adapter.prepare(model)
        _check_weights(model, mode)
        fingerprint, given = model_fingerprint(model), weights_dtype(model)
        adapter.quiet(model)
        to_float32(model)
        _set_training(model, mode)
        data = _data(workload, adapter, mode, given, seed)
        step = _step(workload, adapter, data, mode, seed=seed, tried=tried)
        optimizer = _optimizer(workload, adapter, mode)
    return _task(
        workload,
        mode=mode,
        seed=seed,
        given=given,
        fingerprint=fingerprint,
        data=data,
        step=step,
        optimizer=optimizer,
    )


def _check_weights(model: nn.Module, mode: Mode) -> None:
    if any(each.is_meta for each in model.parameters()):
        raise WorkloadError(
            f"{type(model).__name__} has parameters on the meta device, which hold no numbers. Give them some first: "
            "`model.to_empty(device='cpu')` and an initialisation.",
        )
    if mode == "train" and not trainable(model):
        raise WorkloadError(
            f"{type(model).__name__} has no trainable parameters. Use mode='inference', or set requires_grad on some.",
        )


def _set_training(model: nn.Module, mode: Mode) -> None:
    """Follow the mode, but leave a model in training as it is: parts of it may be frozen on purpose."""
    if mode == "inference":
        model.eval()
    elif not model.training:
        model.train()


def _data(workload: Workload, adapter: Adapter, mode: Mode, given: torch.dtype, seed: int) -> Data:
    data = gather(workload.model, workload.batch, adapter=adapter, mode=mode, given=given, seed=seed)
    needs_labels = mode == "train" and workload.loss is None
    return completed(data, workload.model, adapter=adapter, mode="train" if needs_labels else "inference")


def _step(workload: Workload, adapter: Adapter, data: Data, mode: Mode, *, seed: int, tried: Tried | None) -> Step:
    if mode == "inference":
        return inference_step(workload.model, data, tried)
    own = adapter.own_step(workload.model) if workload.loss is None else None
    if own is not None:
        return own_training_step(workload.model, data, own, tried)
    return training_step(workload.model, data, workload.loss, seed=seed, tried=tried)


def _optimizer(workload: Workload, adapter: Adapter, mode: Mode) -> OptimizerRecipe | None:
    if mode == "inference":
        return None
    if workload.optimizer is not None:
        return given_optimizer(workload.model, workload.optimizer)
    return adapter.optimizer(workload.model) or default_optimizer(workload.model)


def _task(
    workload: Workload,
    *,
    mode: Mode,
    seed: int,
    given: torch.dtype,
    fingerprint: str,
    data: Data,
    step: Step,
    optimizer: OptimizerRecipe | None,
) -> Task:
    identities = [step.identity, optimizer.identity if optimizer else None]
    if workload.metric is not None:
        identities.append(identity(workload.metric))
    name = workload.name or type(workload.model).__name__
    return Task(
        model=workload.model,
        batches=step.batches,
        mode=mode,
        make_optimizer=optimizer.make if optimizer else _no_optimizer,
        loss_of=step.loss_of,
        output_of=step.output_of,
        metric_of=workload.metric and given_metric(workload.metric),
        metric_batches=data.batches if workload.metric else (),
        entry_points=step.entry_points,
        batch_size=data.batch_size,
        tokens_per_batch=data.tokens_per_batch,
        fetch_seconds=data.fetch_seconds,
        weights_dtype=_text(given),
        fingerprint=fingerprint,
        key=digest([fingerprint, [describe(each) for each in step.batches], mode, seed, identities]),
        name=name,
        description=_description(workload.model, name, data, mode, optimizer),
        assumptions=_assumptions(given, data, step, optimizer),
        tried=step.tried,
    )


def _no_optimizer(model: nn.Module) -> Optimizer:
    raise WorkloadError(f"{type(model).__name__} is resolved for inference, which has no optimizer.")


def _description(model: nn.Module, name: str, data: Data, mode: Mode, optimizer: OptimizerRecipe | None) -> str:
    count = sum(each.numel() for each in model.parameters())
    updated = f", {optimizer.text}" if optimizer else ""
    return f"{name}: {type(model).__name__}, {count:,} parameters, batch {describe(data.batches[0])}, {mode}{updated}"


def _assumptions(given: torch.dtype, data: Data, step: Step, optimizer: OptimizerRecipe | None) -> tuple[str, ...]:
    converted = f"The weights were given in {_text(given)} and are float32 here, where every candidate starts."
    weights = () if given == torch.float32 else (converted,)
    return (*weights, *data.sentences, *step.sentences, *(optimizer.sentences if optimizer else ()))


def _text(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
