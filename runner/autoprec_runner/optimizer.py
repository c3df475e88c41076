"""An optimizer whose step goes through a precision plugin."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from torch.optim import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from autoprec_runner.precision.base import Precision

_OWN = frozenset({"optimizer", "plugin", "stepper", "step", "_opt_called"})


class EngineOptimizer(Optimizer):
    """The user's optimizer, with `step` led through the precision plugin and everything else as it is.

    It passes `isinstance` for `Optimizer` and for the class of the wrapped optimizer, works with learning-rate
    schedulers, and shares state, parameter groups and attributes with the wrapped one, in both directions.
    """

    optimizer: Optimizer
    plugin: Precision
    stepper: nn.Module | None
    """The module that steps for the optimizer, under strategies in which the model does."""

    def __init__(self, optimizer: Optimizer, plugin: Precision, stepper: nn.Module | None = None) -> None:
        # Not Optimizer.__init__: this object has no parameters and no state of its own.
        self.optimizer = optimizer
        self.plugin = plugin
        self.stepper = stepper

    def step(self, closure: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        """Let the plugin step the wrapped optimizer; returns what the optimizer's `step` returns."""
        return self.plugin.optimizer_step(self.optimizer, model=self.stepper, closure=closure, **kwargs)

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: FBT001, FBT002 (torch's signature)
        """Reset the gradients."""
        self.optimizer.zero_grad(set_to_none)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a parameter group to the wrapped optimizer."""
        self.optimizer.add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the wrapped optimizer."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state into the wrapped optimizer."""
        self.optimizer.load_state_dict(state_dict)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """Return the class of the wrapped optimizer, so that `isinstance` sees it."""
        return type(self.optimizer)

    def __getattr__(self, name: str) -> Any:
        """Return what the wrapped optimizer has under `name`."""
        if name in _OWN:
            raise AttributeError(name)  # before __init__, while being copied
        return getattr(self.optimizer, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set `name` on the wrapped optimizer, except for what is this object's own (schedulers replace `step`)."""
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self.optimizer, name, value)

    def __deepcopy__(self, memo: dict[int, Any]) -> EngineOptimizer:
        """Return a copy that steps a copy of the optimizer through the same plugin."""
        return EngineOptimizer(copy.deepcopy(self.optimizer, memo), self.plugin, copy.deepcopy(self.stepper, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the arguments of the constructor."""
        return EngineOptimizer, (self.optimizer, self.plugin, self.stepper)

    def __repr__(self) -> str:
        """Return what the wrapped optimizer shows."""
        return repr(self.optimizer)


def unwrapped(optimizer: Optimizer) -> Optimizer:
    """Return the user's own optimizer, whether or not an engine has wrapped it."""
    return optimizer.optimizer if type(optimizer) is EngineOptimizer else optimizer
