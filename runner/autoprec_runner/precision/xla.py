"""Precision under XLA: what is recorded of a step, compiled and run by XLA, on a TPU above all."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Self

import torch
from torch import nn
from torch.optim import Optimizer

from autoprec_probe.errors import UnknownPrecisionError
from autoprec_probe.precision import canonical_precision
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Closure, Precision
from autoprec_runner.precision.contexts import DefaultDtype
from autoprec_runner.precision.conversion import cast_floating
from autoprec_runner.strategy.xla_library import finish_step

_COMPUTE = {
    "32-true": torch.float32,
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.bfloat16,
    "bf16-true": torch.bfloat16,
    "16-true": torch.float16,
    "64-true": torch.float64,
}
_CONVERSIONS = {
    torch.bfloat16: nn.Module.bfloat16,
    torch.float16: nn.Module.half,
    torch.float64: nn.Module.double,
}


class XLAPrecision(Precision):
    """What a precision string means under XLA.

    ==========  ==========================  ==================  ===================
    precision   parameters, gradients,      inputs              autocast in forward
                optimizer state
    ==========  ==========================  ==================  ===================
    32-true     float32                     as they are         no
    bf16-mixed  float32                     bfloat16            bfloat16
    16-mixed    float32                     bfloat16            bfloat16, no scaler
    bf16-true   bfloat16                    bfloat16            no
    16-true     float16                     float16             no
    64-true     float64                     float64             no
    ==========  ==========================  ==================  ===================

    ``16-mixed`` is bfloat16 as on every TPU, which has no float16; `report` and the effective dtypes say so. The true
    16 and 64 bit precisions run as they are called, slowly: a TPU has neither format.

    Args:
        precision: One of the strings above or its alias.
    """

    strategy: ClassVar[str] = "xla"
    device = "xla"

    def __init__(self, precision: str | int = "32-true") -> None:
        name = _canonical(precision)
        if name not in _COMPUTE:
            raise PrecisionError(
                f"Passed `{type(self).__name__}(precision={precision!r})`. Precision must be one of "
                f"{', '.join(_COMPUTE)}.",
            )
        self.precision = name
        self.dtype = _COMPUTE[name]
        self._mixed = name.endswith("-mixed")
        self._true = not self._mixed and name != "32-true"

    @classmethod
    def from_string(cls, precision: str, *, device: str) -> Self:  # noqa: ARG003 (there is one XLA device type)
        """Return the plugin for a precision."""
        return cls(precision)

    @property
    def report(self) -> str | None:
        """What runs in place of float16 autocast, which no TPU has."""
        if self.precision != "16-mixed":
            return None
        return "16-mixed is bfloat16 autocast under XLA, without a gradient scaler: a TPU has no float16."

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Cast floating-point parameters and buffers in the true precisions; complex ones stay as they are."""
        return _CONVERSIONS[self.dtype](module) if self._true else module

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors to the dtype of the precision; in the mixed ones, before autocast sees them."""
        return data if self.precision == "32-true" else cast_floating(data, self.dtype)

    def convert_output(self, data: Any) -> Any:
        """Cast floating-point tensors to the default dtype."""
        return data if self.precision == "32-true" else cast_floating(data, torch.get_default_dtype())

    def forward_context(self) -> AbstractContextManager[Any]:
        """Return autocast in the mixed precisions; set the default dtype in the true ones."""
        return torch.autocast("xla", dtype=self.dtype) if self._mixed else self.tensor_init_context()

    def tensor_init_context(self) -> AbstractContextManager[Any]:
        """Set the default dtype in the true precisions."""
        return DefaultDtype(self.dtype) if self._true else nullcontext()

    def optimizer_step(
        self,
        optimizer: Optimizer,
        model: nn.Module | None = None,
        closure: Closure | None = None,
        **kwargs: Any,
    ) -> Any:
        """Let the optimizer step, its closure included, then have XLA run what was recorded of the whole step."""
        result = super().optimizer_step(optimizer, model, closure, **kwargs)
        finish_step()
        return result


def _canonical(precision: str | int) -> str:
    try:
        return canonical_precision(precision)
    except UnknownPrecisionError:
        return str(precision)
