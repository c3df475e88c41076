"""The neutral strategy, `single`, and the contract of every other one."""

import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn
from torch.optim import Optimizer

from autoprec_probe.candidate import MatmulPrecision
from autoprec_runner.accelerator import resolve_device
from autoprec_runner.checkpoint import Stateful, collect, read_checkpoint, restore, write_checkpoint
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.registry import plugin_class
from autoprec_runner.trial import EffectiveDtypes

OptimizerFactory = Callable[[nn.Module], Optimizer]
"""Makes the optimizer of a module that is in its final form."""


class Strategy:
    """Who owns the step. This base class is `single`: one process, one device, every hook leaves things alone.

    A subclass sets `name` and overrides the moments in which it differs; its constructor takes its options by keyword.
    The contract:

    - `precision` gives the plugin that says what a precision string means here, or refuses it with the reason.
    - `connect` is called once, before anything else; `close` undoes it and may be called twice.
    - `setup` takes a converted module, the optimizers that belong to it or what makes them, and returns what the user
      goes on with. Optimizers made before on the same parameters are taken over, or refused by name.
    - a precision that this strategy does not know is refused by `precision`; a plugin that is made for another strategy
      (`Precision.strategy`) does not get here.
    - state passes through `state_of` and `load_state` in the form that one process would have, so that a checkpoint can
      be loaded under another strategy, unless the strategy says otherwise.

    One instance serves one engine.
    """

    name: ClassVar[str] = "single"

    matmul_precisions: ClassVar[tuple[MatmulPrecision, ...]] = ("highest", "high", "medium")
    """Which of torch's settings for float32 matrix products reach the device."""

    @classmethod
    def precision(cls, precision: str, *, device: str) -> Precision:
        """Return the plugin for a canonical precision string on a device type.

        Raises:
            PrecisionError: The precision is not to be had under this strategy.
        """
        return plugin_class(precision).from_string(precision, device=device)

    @classmethod
    def device(cls, accelerator: str) -> torch.device:
        """Return the device for what a user asked for.

        Raises:
            PrecisionError: It is unknown, or not to be had here.
        """
        return resolve_device(accelerator)

    @property
    def rank(self) -> int:
        """The number of this process among those that share the step."""
        return 0

    @property
    def world_size(self) -> int:
        """How many processes share the step."""
        return 1

    @property
    def compilations(self) -> int:
        """How many programs have been compiled for the device so far, under strategies that compile steps."""
        return 0

    def connect(self, device: torch.device) -> torch.device:
        """Join the other processes, if there are any; return the device of this one."""
        return device

    def move(self, module: nn.Module, device: torch.device) -> nn.Module:
        """Return the module on a device."""
        return module.to(device)

    def setup(
        self,
        module: nn.Module,
        optimizers: Sequence[Optimizer | OptimizerFactory],
        plugin: Precision,
    ) -> tuple[nn.Module, list[Optimizer]]:
        """Return the module and its optimizers as they are trained; a factory is called with the final module."""
        module = self.setup_module(module, plugin)
        return module, [self.setup_optimizer(made_optimizer(each, module)) for each in optimizers]

    def setup_module(self, module: nn.Module, plugin: Precision) -> nn.Module:  # noqa: ARG002 (for subclasses)
        """Return a module without an optimizer as it is run."""
        return module

    def setup_optimizer(self, optimizer: Optimizer) -> Optimizer:
        """Return an optimizer whose module has been set up before."""
        return optimizer

    def setup_method(self, module: nn.Module, name: str) -> Any:
        """Return what the instance is to have as its method `name`; None for what its class has."""
        return module.__dict__.get(name)

    def stepper(self, module: nn.Module | None = None) -> nn.Module | None:
        """Return the module through which backward and step go, for strategies in which the model steps."""
        return module

    def synchronize(self, device: torch.device) -> None:
        """Wait until the device has done everything that it was asked for."""
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def seed(self, seed: int) -> None:
        """Seed what is random on the device and beyond the reach of `torch.manual_seed`."""

    def effective_dtypes(
        self,
        observed: EffectiveDtypes,
        module: nn.Module,  # noqa: ARG002 (for subclasses)
        optimizer: Optimizer | None,  # noqa: ARG002 (for subclasses)
    ) -> EffectiveDtypes:
        """Return what really runs, given what can be observed on any module."""
        return observed

    def state_of(self, stateful: Stateful) -> dict[str, Any]:
        """Return the state of a module, an optimizer or anything else, whole. Every process calls this."""
        return stateful.state_dict()

    def load_state(self, stateful: Stateful, state: dict[str, Any]) -> None:
        """Give a module, an optimizer or anything else its part of a whole state."""
        stateful.load_state_dict(state)

    def save(self, path: str | os.PathLike[str], state: Mapping[str, Any], plugin: Precision) -> None:
        """Write a checkpoint; see `Engine.save`. Every process calls this."""
        write_checkpoint(path, collect(state, plugin, self.state_of))

    def load(
        self,
        path: str | os.PathLike[str],
        state: MutableMapping[str, Any] | None,
        plugin: Precision,
        *,
        strict: bool = True,
    ) -> dict[str, Any]:
        """Read a checkpoint; see `Engine.load`. Every process calls this."""
        content = read_checkpoint(path)
        return restore(content, state, plugin, self.load_state, path=path, strict=strict) if state else content

    def close(self) -> None:
        """Leave the other processes, if this strategy joined them."""


def made_optimizer(optimizer: Optimizer | OptimizerFactory, module: nn.Module | None) -> Optimizer:
    """Return an optimizer, made of `module` where it is what makes one.

    Raises:
        PrecisionError: It is neither an optimizer nor makes one.
    """
    made = optimizer
    if not isinstance(made, type) and not isinstance(made, Optimizer) and callable(made) and module is not None:
        made = made(module)
    if not isinstance(made, Optimizer):
        raise PrecisionError(
            f"An optimizer must be a torch.optim.Optimizer or, in setup(), a callable that makes one of the model; "
            f"got {made if isinstance(made, type) else type(made).__name__}.",
        )
    return made
