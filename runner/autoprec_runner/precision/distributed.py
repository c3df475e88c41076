"""What the precisions of strategies with several processes have in common."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import torch
from torch import nn

from autoprec_probe.errors import UnknownPrecisionError
from autoprec_probe.precision import canonical_precision
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.contexts import DefaultDtype
from autoprec_runner.precision.conversion import cast_floating, cast_module

COMPUTE_DTYPES = {
    "32-true": torch.float32,
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
    "bf16-true": torch.bfloat16,
    "16-true": torch.float16,
}
"""In which dtype a precision computes; neither FSDP nor DeepSpeed has one for float64."""


class DistributedPrecision(Precision):
    """Mixed precisions leave parameters to the strategy and autocast; true ones convert and change the default dtype.

    A subclass takes the precision and the device by its constructor and calls `_set`.
    """

    device: str
    dtype: torch.dtype
    """What is computed in."""

    @classmethod
    def from_string(cls, precision: str, *, device: str) -> Self:
        """Return the plugin for a precision on `device`."""
        return cls(precision, device=device)  # type: ignore[call-arg]  # the constructors of subclasses

    def _set(self, precision: str, device: str | None) -> None:
        self.precision = precision
        self.device = device or present_device()
        self.dtype = COMPUTE_DTYPES[precision]
        self._mixed = precision.endswith("-mixed")

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Cast floating-point parameters and buffers in the true precisions; complex ones stay as they are."""
        return module if self._mixed else cast_module(module, self.dtype)

    def convert_output(self, data: Any) -> Any:
        """Cast floating-point tensors to the default dtype."""
        return cast_floating(data, torch.get_default_dtype())

    def forward_context(self) -> AbstractContextManager[Any]:
        """Return autocast in the mixed precisions; make half precision the default dtype in the true ones."""
        return torch.autocast(self.device, dtype=self.dtype) if self._mixed else self.tensor_init_context()

    def tensor_init_context(self) -> AbstractContextManager[Any]:
        """Make half precision the default dtype in the true half precisions."""
        return nullcontext() if self._mixed or self.precision == "32-true" else DefaultDtype(self.dtype)


def canonical_or_given(precision: str | int) -> str:
    """Return the canonical string, or what was given if it is none: it is refused with what a strategy allows."""
    try:
        return canonical_precision(precision)
    except UnknownPrecisionError:
        return str(precision)


def present_device() -> str:
    """Return the device type of the accelerator that torch has, else the CPU."""
    present = torch.accelerator.current_accelerator()
    return "cpu" if present is None or not torch.accelerator.is_available() else present.type
