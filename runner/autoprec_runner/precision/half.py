"""True half precision."""

from contextlib import AbstractContextManager
from typing import Any, Self

import torch
from torch import nn

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.contexts import DefaultDtype
from autoprec_runner.precision.conversion import cast_floating, cast_module

_DTYPES = {"16-true": torch.float16, "bf16-true": torch.bfloat16}


class HalfPrecision(Precision):
    """Parameters, inputs and compute in float16 (``16-true``) or bfloat16 (``bf16-true``)."""

    def __init__(self, precision: str = "16-true") -> None:
        if precision not in _DTYPES:
            raise PrecisionError(
                f"Passed `{type(self).__name__}(precision={precision!r})`. Precision must be '16-true' or 'bf16-true'.",
            )
        self.precision = precision
        self.dtype = _DTYPES[precision]

    @classmethod
    def from_string(cls, precision: str, *, device: str) -> Self:  # noqa: ARG003 (the same on every device)
        """Return the plugin for ``16-true`` or ``bf16-true``."""
        return cls(precision)

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Cast floating-point parameters and buffers; complex ones keep their imaginary part."""
        return cast_module(module, self.dtype)

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors to half precision."""
        return cast_floating(data, self.dtype)

    def convert_output(self, data: Any) -> Any:
        """Cast floating-point tensors to the default dtype."""
        return cast_floating(data, torch.get_default_dtype())

    def forward_context(self) -> AbstractContextManager[Any]:
        """Make half precision the default dtype."""
        return DefaultDtype(self.dtype)

    def tensor_init_context(self) -> AbstractContextManager[Any]:
        """Make half precision the default dtype."""
        return DefaultDtype(self.dtype)
