"""Precision under XLA: what is recorded of a step, compiled and run by XLA, on a TPU above all."""

from contextlib import AbstractContextManager
from typing import Any, ClassVar, Self

import torch
from torch import nn
from torch.optim import Optimizer

from autoprec_probe.errors import UnknownPrecisionError
from autoprec_probe.precision import canonical_precision
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Closure, Precision
from autoprec_runner.precision.double import DoublePrecision
from autoprec_runner.precision.half import HalfPrecision
from autoprec_runner.precision.mixed import MixedPrecision
from autoprec_runner.strategy.xla_library import finish_step

_PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true")


class XLAPrecision(Precision):
    """What a precision string means under XLA: what it means elsewhere, and a step that XLA runs as a whole.

    ``16-mixed`` is bfloat16 autocast without a scaler, because a TPU has no float16; `report` and the effective dtypes
    say so. ``16-true`` and ``64-true`` run as they are called, slowly: a TPU has neither format.

    Args:
        precision: ``32-true``, ``bf16-mixed``, ``16-mixed``, ``bf16-true``, ``16-true``, ``64-true`` or an alias.
    """

    strategy: ClassVar[str] = "xla"
    device = "xla"

    def __init__(self, precision: str | int = "32-true") -> None:
        name = _canonical(precision)
        if name not in _PRECISIONS:
            raise PrecisionError(
                f"Passed `{type(self).__name__}(precision={precision!r})`. Precision must be one of "
                f"{', '.join(_PRECISIONS)}.",
            )
        self.precision = name
        self._elsewhere = _elsewhere(name)

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
        return self._elsewhere.convert_module(module)

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors to the dtype that is computed in, in the mixed precisions before autocast."""
        return self._elsewhere.convert_input(data)

    def convert_output(self, data: Any) -> Any:
        """Cast floating-point tensors to the default dtype."""
        return self._elsewhere.convert_output(data)

    def forward_context(self) -> AbstractContextManager[Any]:
        """Return bfloat16 autocast in the mixed precisions; set the default dtype in the true ones.

        Raises:
            PrecisionError: In inference mode, for which torch-xla has no tensors.
        """
        if torch.is_inference_mode_enabled():
            raise PrecisionError("XLA has no tensors for torch.inference_mode(). Use torch.no_grad().")
        return self._elsewhere.forward_context()

    def tensor_init_context(self) -> AbstractContextManager[Any]:
        """Set the default dtype in the true precisions."""
        return self._elsewhere.tensor_init_context()

    def optimizer_step(
        self,
        optimizer: Optimizer,
        model: nn.Module | None = None,
        closure: Closure | None = None,
        **kwargs: Any,
    ) -> Any:
        """Let the optimizer step, its closure included, then have XLA run what was recorded of the whole step."""
        result = self._elsewhere.optimizer_step(optimizer, model, closure, **kwargs)
        finish_step()
        return result


def _elsewhere(precision: str) -> Precision:
    """Return the plugin that does the same without XLA."""
    if precision.endswith("-mixed"):
        return MixedPrecision("bf16-mixed", device="xla")
    if precision == "64-true":
        return DoublePrecision()
    return Precision() if precision == "32-true" else HalfPrecision(precision)


def _canonical(precision: str | int) -> str:
    try:
        return canonical_precision(precision)
    except UnknownPrecisionError:
        return str(precision)
