"""True half precision."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Self

import torch
from torch import nn

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.contexts import DefaultDtype
from autoprec_runner.precision.conversion import cast_floating, cast_module
from autoprec_runner.precision.kept import KeptPrecision, find_kept, keep, kept_report, passed_by

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

    def keep_modules(self, names: Iterable[str]) -> None:
        """Let these modules keep float32 weights; what enters and leaves them is cast."""
        self.keep_fp32 = tuple(names)

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Cast floating-point parameters and buffers; complex ones keep their imaginary part."""
        kept = find_kept(module, self.keep_fp32)
        with passed_by(module, kept):
            module = cast_module(module, self.dtype)
        keep(kept, KeptPrecision(outside=self.dtype))
        return module

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors to half precision."""
        return cast_floating(data, self.dtype)

    def convert_output(self, data: Any) -> Any:
        """Cast floating-point tensors to the default dtype."""
        return cast_floating(data, torch.get_default_dtype())

    def forward_context(self) -> AbstractContextManager[Any]:
        """Make half precision the default dtype."""
        return DefaultDtype(self.dtype)

    @property
    def report(self) -> str | None:
        """Which modules stayed in float32."""
        return kept_report(self.keep_fp32)

    def module_init_context(self) -> AbstractContextManager[Any]:
        """Make half precision the default dtype.

        Raises:
            PrecisionError: Some modules are to stay in float32, and a module does not know its name while it is made.
        """
        if self.keep_fp32:
            raise PrecisionError(
                f"init_module() would make {', '.join(map(repr, self.keep_fp32))} of keep_fp32 in half precision. "
                "Make the model outside of it and pass it to setup().",
            )
        return self.tensor_init_context()

    def tensor_init_context(self) -> AbstractContextManager[Any]:
        """Make half precision the default dtype."""
        return DefaultDtype(self.dtype)
