"""Precision around one method of a module, put on the instance: its type, attributes and state-dict keys stay."""

import copy
import threading
from contextlib import AbstractContextManager
from functools import update_wrapper
from typing import Any

from torch import nn

from autoprec_probe.candidate import MatmulPrecision
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.contexts import Float32Matmul


class _Inside(threading.local):
    """Whose method this thread is in: a marked method that calls `forward` has the precision already."""

    module: nn.Module | None = None


_inside = _Inside()


class PrecisionMethod:
    """`forward` or a marked method of one module: inputs converted, run in the precision's context, outputs converted.

    Copies of the module get their own, with the same plugin; so do unpickled modules.

    Args:
        module: The module, set up in place by `install`.
        name: The name of the method.
        plugin: The precision.
        matmul_precision: What float32 matrix products may use inside; None leaves torch's setting.
        patched: What the instance itself, rather than its class, had under `name` before.
    """

    def __init__(
        self,
        module: nn.Module,
        name: str,
        plugin: Precision,
        matmul_precision: MatmulPrecision | None = None,
        patched: Any = None,
    ) -> None:
        inner = getattr(module, name) if patched is None else patched
        update_wrapper(self, inner)
        self.module = module
        self.name = name
        self.plugin = plugin
        self.matmul_precision = matmul_precision
        self._patched = patched
        self._inner = inner
        self._convert_input = plugin.convert_input
        self._convert_output = plugin.convert_output
        self._context = plugin.forward_context if matmul_precision is None else self._context_with_matmul
        self._neutral = matmul_precision is None and _is_neutral(plugin)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the method in its precision."""
        outer = _inside.module
        if self._neutral or outer is self.module:
            return self._inner(*args, **kwargs)
        convert = self._convert_input
        converted = [convert(each) for each in args]
        if kwargs:
            kwargs = {name: convert(each) for name, each in kwargs.items()}
        _inside.module = self.module
        try:
            with self._context():
                output = self._inner(*converted, **kwargs)
        finally:
            _inside.module = outer
        return self._convert_output(output)

    def install(self) -> None:
        """Put this in front of the module's own method."""
        self.module.__dict__[self.name] = self

    def _context_with_matmul(self) -> AbstractContextManager[Any]:
        assert self.matmul_precision is not None
        return Float32Matmul(self.matmul_precision, self.plugin.forward_context())

    def __deepcopy__(self, memo: dict[int, Any]) -> "PrecisionMethod":
        """Return the same for a copy of the module, which is in `memo` where it is the module that is being copied."""
        module = copy.deepcopy(self.module, memo)
        patched = copy.deepcopy(self._patched, memo)
        return PrecisionMethod(module, self.name, self.plugin, self.matmul_precision, patched)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the arguments of the constructor; the module refers back to this object."""
        return PrecisionMethod, (self.module, self.name, self.plugin, self.matmul_precision, self._patched)


def precision_method(module: nn.Module, name: str = "forward") -> PrecisionMethod | None:
    """Return what an engine has put in front of a method of `module`, if one has."""
    found = module.__dict__.get(name)
    return found if isinstance(found, PrecisionMethod) else None


def _is_neutral(plugin: Precision) -> bool:
    """Whether a forward is the same with and without the plugin: the hooks around it are those of the base class."""
    hooks = ("convert_input", "convert_output", "forward_context")
    return all(getattr(getattr(plugin, hook), "__func__", None) is getattr(Precision, hook) for hook in hooks)
