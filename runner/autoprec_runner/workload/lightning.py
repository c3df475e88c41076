"""LightningModules, by their methods: the step, the optimizer and the batches are their own."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from torch import nn
from torch.optim import Optimizer

from autoprec_runner.errors import WorkloadError
from autoprec_runner.trial import Mode
from autoprec_runner.workload.adapters import Adapter, OwnStep, Proposal, register_adapter
from autoprec_runner.workload.identity import identity
from autoprec_runner.workload.optimizers import OptimizerRecipe, recipe

_LIBRARY = frozenset({"lightning", "pytorch_lightning", "lightning_fabric"})
_WAY_OUT = "Pass a Workload with a plain module, batch=, loss= and optimizer= instead."


@register_adapter
class LightningAdapter(Adapter):
    """A module with `training_step` and `configure_optimizers`, run without a Trainer."""

    def recognises(self, model: nn.Module) -> bool:
        """Tell by the two methods that the Trainer requires."""
        return all(callable(getattr(model, name, None)) for name in ("training_step", "configure_optimizers"))

    def prepare(self, model: nn.Module) -> None:
        """Build the layers of `configure_model`."""
        if _defines(model, "configure_model"):
            cast("Any", model).configure_model()

    def quiet(self, model: nn.Module) -> None:
        """Make logging a no-op, as there is no Trainer to log to."""
        for name in ("log", "log_dict"):
            if hasattr(model, name):
                setattr(model, name, _ignore)

    def batches(self, model: nn.Module, mode: Mode) -> Proposal | None:
        """Return the module's training data, or `example_input_array` for inference."""
        example = getattr(model, "example_input_array", None)
        if mode == "inference" and example is not None:
            return Proposal(value=[example], sentence="Inputs: the module's example_input_array.")
        if not _defines(model, "train_dataloader"):
            return None
        return Proposal(value=_own_data(model), sentence="Batches: the first of the module's train_dataloader().")

    def own_step(self, model: nn.Module) -> OwnStep | None:
        """Return `training_step`.

        Raises:
            WorkloadError: The module optimizes by hand.
        """
        if not getattr(model, "automatic_optimization", True):
            raise WorkloadError(
                f"{type(model).__name__} sets automatic_optimization = False: its step is not the engine's. {_WAY_OUT}",
            )
        return OwnStep(
            loss_of=_training_loss(model),
            method="training_step",
            identity=identity(model.training_step),
            sentence="Loss: the module's training_step, without a Trainer; its callbacks and hooks are not called.",
        )

    def optimizer(self, model: nn.Module) -> OptimizerRecipe:
        """Return `configure_optimizers`, without its learning-rate schedulers."""
        return recipe(
            model,
            _configured_optimizer,
            source="configure_optimizers()",
            sentences=("Optimizer: the module's configure_optimizers; schedulers are not stepped in trials.",),
        )


def _defines(model: nn.Module, name: str) -> bool:
    """Tell whether the user's class, as opposed to Lightning's base class, defines a method."""
    method = getattr(type(model), name, None)
    return method is not None and method.__module__.partition(".")[0] not in _LIBRARY


def _own_data(model: Any) -> Any:
    if _defines(model, "prepare_data"):
        model.prepare_data()
    if _defines(model, "setup"):
        model.setup("fit")
    return model.train_dataloader()


def _ignore(*_: Any, **__: Any) -> None:
    """Log nothing."""


def _training_loss(model: Any) -> Callable[[Any, Any], Any]:
    """Return `loss_of(model, batch)` for a training_step with or without the batch's index."""
    more = (0,) if len(inspect.signature(model.training_step).parameters) > 1 else ()
    return lambda model, batch: _loss_in(model.training_step(batch, *more))


def _loss_in(result: Any) -> Any:
    if result is None:
        raise WorkloadError("training_step returned None, which skips the step. It has to return a loss here.")
    return result["loss"] if isinstance(result, Mapping) and "loss" in result else result


def _configured_optimizer(model: Any) -> Optimizer:
    optimizers = _optimizers(model.configure_optimizers())
    if len(optimizers) != 1:
        raise WorkloadError(
            f"configure_optimizers returned {len(optimizers)} optimizers; a step has one. Pass "
            "optimizer=lambda parameters: ... to choose.",
        )
    return cast("Optimizer", optimizers[0])


def _optimizers(result: Any) -> list[Any]:
    """Return the optimizers in any form that Lightning accepts: bare, in dicts, in lists, before schedulers."""
    if result is None:
        return []
    if isinstance(result, Mapping):
        return [result["optimizer"]]
    if not isinstance(result, tuple | list):
        return [result]
    if len(result) == 2 and isinstance(result[0], tuple | list):  # noqa: PLR2004 (optimizers, schedulers)
        result = result[0]
    return [optimizer for each in result for optimizer in _optimizers(each)]
