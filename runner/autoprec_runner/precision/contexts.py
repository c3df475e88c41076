"""Global torch settings, held for a block: each restores what was there at entry, also after an exception.

Classes with slots instead of `contextlib.contextmanager`: they are entered once or twice a step, and a generator costs
more than the settings themselves.
"""

from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any

import torch

from autoprec_probe.candidate import MatmulPrecision


class DefaultDtype(AbstractContextManager[None]):
    """Tensors without a stated dtype are created in `dtype` (and complex ones in its complex counterpart)."""

    __slots__ = ("_dtype", "_previous")

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def __enter__(self) -> None:
        """Remember the default dtype of this moment and set ours."""
        self._previous = torch.get_default_dtype()
        torch.set_default_dtype(self._dtype)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Set the default dtype that was there at entry."""
        torch.set_default_dtype(self._previous)


class Together(AbstractContextManager[None]):
    """Several contexts as one: entered in order when this one is entered, left in reverse; all or none."""

    __slots__ = ("_contexts", "_entered")

    def __init__(self, *contexts: AbstractContextManager[Any]) -> None:
        self._contexts = contexts

    def __enter__(self) -> None:
        """Enter all of them, or leave again those that could be entered."""
        with ExitStack() as entering:
            for context in self._contexts:
                entering.enter_context(context)
            self._entered = entering.pop_all()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Leave all of them, the last first."""
        return self._entered.__exit__(exc_type, exc_value, traceback)


class Float32Matmul(AbstractContextManager[Any]):
    """Float32 matrix products may use `precision` inside, around another context (the autocast of a forward, say)."""

    __slots__ = ("_inside", "_precision", "_previous")

    def __init__(self, precision: MatmulPrecision, inside: AbstractContextManager[Any]) -> None:
        self._precision = precision
        self._inside = inside

    def __enter__(self) -> Any:
        """Remember the setting of this moment, set ours and enter the inner context."""
        self._previous = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(self._precision)
        try:
            return self._inside.__enter__()
        except BaseException:
            torch.set_float32_matmul_precision(self._previous)
            raise

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Leave the inner context and set what was there at entry."""
        try:
            return self._inside.__exit__(exc_type, exc_value, traceback)
        finally:
            torch.set_float32_matmul_precision(self._previous)
