"""True double precision."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.contexts import DefaultDtype
from autoprec_runner.precision.conversion import cast_floating, cast_module


class DoublePrecision(Precision):
    """Parameters, inputs and compute in float64.

    Within the contexts the default dtype is float64, hence new complex tensors are complex128. Complex parameters that
    exist already keep their dtype: create such modules under `init_module()`.
    """

    precision = "64-true"

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Cast floating-point parameters and buffers to float64."""
        return cast_module(module, torch.float64)

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors to float64."""
        return cast_floating(data, torch.float64)

    def convert_output(self, data: Any) -> Any:
        """Cast floating-point tensors to the default dtype."""
        return cast_floating(data, torch.get_default_dtype())

    def forward_context(self) -> AbstractContextManager[Any]:
        """Make float64 the default dtype."""
        return DefaultDtype(torch.float64)

    def tensor_init_context(self) -> AbstractContextManager[Any]:
        """Make float64 the default dtype."""
        return DefaultDtype(torch.float64)
