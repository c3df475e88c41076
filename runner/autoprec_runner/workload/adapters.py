"""What families of models know about their own step. The base class is a plain module, which knows nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import nn

from autoprec_runner.trial import Mode
from autoprec_runner.workload.optimizers import OptimizerRecipe


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A value that an adapter supplies where the user gave none, with the sentence that tells the user."""

    value: Any
    sentence: str


@dataclass(frozen=True, kw_only=True)
class OwnStep:
    """A method of the model that computes the loss of a batch by itself."""

    loss_of: Callable[[nn.Module, Any], Any]
    method: str
    identity: Any
    sentence: str


class Adapter:
    """One family of models, recognised by its methods, never by importing its library.

    Every hook of this base class is the neutral case. `prepare` is called first and may build what the library
    would build late; nothing else may change the model's structure.
    """

    def recognises(self, model: nn.Module) -> bool:
        """Tell whether the model is of this family."""
        return isinstance(model, nn.Module)

    def prepare(self, model: nn.Module) -> None:
        """Build layers that the family builds late, before the model is fingerprinted."""

    def quiet(self, model: nn.Module) -> None:
        """Make the model run without its library's loop; called once the fingerprint is taken."""

    def batches(self, model: nn.Module, mode: Mode) -> Proposal | None:  # noqa: ARG002
        """Return batches of the model's own, as the user would give them."""
        return None

    def complete(self, model: nn.Module, batch: Any, mode: Mode) -> Proposal | None:  # noqa: ARG002
        """Return the batch with what the model needs to compute a loss, if something can be added."""
        return None

    def own_step(self, model: nn.Module) -> OwnStep | None:  # noqa: ARG002
        """Return the model's own training step, which makes a loss unnecessary."""
        return None

    def optimizer(self, model: nn.Module) -> OptimizerRecipe | None:  # noqa: ARG002
        """Return the model's own optimizer."""
        return None


_AdapterType = TypeVar("_AdapterType", bound=type[Adapter])
_ADAPTERS: list[Adapter] = []


def register_adapter(kind: _AdapterType) -> _AdapterType:
    """Make a family known, before those registered earlier; the built-in ones enter here, too."""
    _ADAPTERS.insert(0, kind())
    return kind


def adapter_for(model: nn.Module) -> Adapter:
    """Return the adapter of the family that a model belongs to; a plain module's where it belongs to none."""
    return next((each for each in _ADAPTERS if each.recognises(model)), Adapter())
