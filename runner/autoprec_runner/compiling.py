"""A method of one module, compiled by `torch.compile` when it is first called."""

import copy
from functools import update_wrapper
from typing import Any

import torch
from torch import nn

_BACKEND = "inductor"


class CompiledMethod:
    """What an engine calls in place of a module's own method; what surrounds it, such as autocast, is not compiled.

    Copies of the module get their own, compiled anew.

    Args:
        module: The module.
        name: The name of the method.
        patched: What the instance itself, rather than its class, had under `name` before.
    """

    def __init__(self, module: nn.Module, name: str, patched: Any = None) -> None:
        inner = getattr(module, name) if patched is None else patched
        update_wrapper(self, inner)
        self.module = module
        self.name = name
        self.programs = 0
        """How many programs have been compiled so far."""
        self._patched = patched
        self._compiled: Any = torch.compile(inner, backend=self._backend)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the method; where its inputs need a program that is not there yet, compile that first."""
        return self._compiled(*args, **kwargs)

    def _backend(self, graph: torch.fx.GraphModule, inputs: Any) -> Any:
        from torch._dynamo import lookup_backend  # noqa: PLC0415 (loaded by now; importing it takes seconds)

        self.programs += 1
        return lookup_backend(_BACKEND)(graph, inputs)

    def __deepcopy__(self, memo: dict[int, Any]) -> "CompiledMethod":
        """Return the same for a copy of the module, which is in `memo` where it is the module that is being copied."""
        return CompiledMethod(copy.deepcopy(self.module, memo), self.name, copy.deepcopy(self._patched, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the arguments of the constructor; the module refers back to this object."""
        return CompiledMethod, (self.module, self.name, self._patched)
