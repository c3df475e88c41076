"""Creating modules and tensors where and as they will be used."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class InitContext(AbstractContextManager[None]):
    """On `device`, in what `dtype_context` sets, and with weights left uninitialized where `skip_init` says so."""

    def __init__(
        self,
        device: torch.device,
        dtype_context: Callable[[], AbstractContextManager[Any]],
        *,
        skip_init: bool = False,
    ) -> None:
        self._device = device
        self._dtype_context = dtype_context
        self._skip_init = skip_init

    def __enter__(self) -> None:
        """Enter all of it, or nothing."""
        with ExitStack() as entering:
            entering.enter_context(self._device)
            entering.enter_context(self._dtype_context())
            if self._skip_init:
                entering.enter_context(_SkipInit())
            self._entered = entering.pop_all()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Restore what was there at entry."""
        return self._entered.__exit__(exc_type, exc_value, traceback)


class _SkipInit(TorchFunctionMode):
    """Functions of `torch.nn.init` return their tensor as it is."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)
