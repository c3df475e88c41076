"""A method of a module, run inside the forward of another module around it."""

from typing import Any

from torch import nn


class InsideForward:
    """A method of the user's module, run as the forward of the DeepSpeedEngine around it."""

    def __init__(self, engine: nn.Module, name: str) -> None:
        self._engine = engine
        self._name = name
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the engine with the method in place of the module's `forward`, for the outermost call only."""
        module: Any = self._engine.module
        before = module.__dict__.get("forward")
        method = getattr(module, self._name)

        def once(*args: Any, **kwargs: Any) -> Any:
            self._restore(module, before)
            return method(*args, **kwargs)

        module.__dict__["forward"] = once
        try:
            return self._engine(*args, **kwargs)
        finally:
            self._restore(module, before)

    @staticmethod
    def _restore(module: nn.Module, before: Any) -> None:
        if before is None:
            module.__dict__.pop("forward", None)
        else:
            module.__dict__["forward"] = before
