"""Automatic mixed precision: float32 parameters, compute in half precision where that is safe."""

import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Self

import torch
from torch import nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Closure
from autoprec_runner.precision.conversion import cast_floating
from autoprec_runner.precision.kept import KeptPrecision, find_kept, keep, kept_report
from autoprec_runner.precision.scaled import ScaledPrecision

_DTYPES = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}


class MixedPrecision(ScaledPrecision):
    """Forward under `torch.autocast` in float16 with a gradient scaler (``16-mixed``) or in bfloat16 (``bf16-mixed``).

    Args:
        precision: ``16-mixed`` or ``bf16-mixed``.
        device: The device type that autocast and scaler are for.
        scaler: A gradient scaler in place of the default one; only for ``16-mixed``.
        cast_inputs: Whether floating-point inputs are cast to half before autocast sees them, as Fabric does it. False
            is plain autocast, as Trainer and Accelerate do it.
    """

    def __init__(
        self,
        precision: str = "16-mixed",
        device: str = "cuda",
        scaler: GradScaler | None = None,
        cast_inputs: bool = True,  # noqa: FBT001, FBT002 (the public contract)
    ) -> None:
        name = type(self).__name__
        if precision not in _DTYPES:
            raise PrecisionError(
                f"Passed `{name}(precision={precision!r})`. Precision must be '16-mixed' or 'bf16-mixed'.",
            )
        if scaler is not None and precision == "bf16-mixed":
            raise PrecisionError(
                f"`precision='bf16-mixed'` does not use a scaler, found {scaler}. "
                "Leave the scaler out, or use '16-mixed'.",
            )
        if scaler is None and precision == "16-mixed":
            # A device that torch does not have is refused at the first forward, with the reason.
            scaler = GradScaler(device, enabled=device != "cuda" or torch.cuda.is_available())
        super().__init__(scaler)
        self.precision = precision
        self.device: str = device
        self.dtype = _DTYPES[precision]
        self.cast_inputs = cast_inputs
        self._device_checked = False

    @classmethod
    def from_string(cls, precision: str, *, device: str) -> Self:
        """Return the plugin for ``16-mixed`` or ``bf16-mixed`` on `device`."""
        return cls(precision, device)

    def keep_modules(self, names: Iterable[str]) -> None:
        """Switch autocast off in these modules; inputs, which they may take, are then not cast before autocast."""
        self.keep_fp32 = tuple(names)
        self.cast_inputs = False

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Leave parameters in float32; put the modules that are to stay in it out of autocast's reach."""
        keep(find_kept(module, self.keep_fp32), KeptPrecision(device=self.device))
        return module

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors to half precision, if inputs are to be cast."""
        return cast_floating(data, self.dtype) if self.cast_inputs else data

    def convert_output(self, data: Any) -> Any:
        """Cast floating-point tensors to the default dtype."""
        return cast_floating(data, torch.get_default_dtype())

    def forward_context(self) -> AbstractContextManager[Any]:
        """Return `torch.autocast` in half precision.

        Raises:
            PrecisionError: torch cannot autocast to this dtype on this device.
        """
        if not self._device_checked:
            self._check_device()
        if torch.is_grad_enabled() or not torch.is_autocast_enabled(self.device):
            return torch.autocast(self.device, dtype=self.dtype)
        # Casts made without gradients must not be reused by a training forward in the same outer autocast.
        return torch.autocast(self.device, dtype=self.dtype, cache_enabled=False)

    @property
    def report(self) -> str | None:
        """Which modules stayed in float32."""
        return kept_report(self.keep_fp32)

    def optimizer_step(
        self,
        optimizer: Optimizer,
        model: nn.Module | None = None,
        closure: Closure | None = None,
        **kwargs: Any,
    ) -> Any:
        """Step as the scaler allows it, and forget the casts that an outer autocast has kept of the parameters."""
        result = super().optimizer_step(optimizer, model, closure, **kwargs)
        if torch.is_autocast_enabled(self.device):
            torch.clear_autocast_cache()  # the casts in it are of the parameters before this step
        return result

    def _check_device(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # torch warns, and goes on without autocast
            try:
                torch.autocast(self.device, dtype=self.dtype)
            except (UserWarning, RuntimeError) as error:
                raise PrecisionError(
                    f"{self.precision} cannot run on device {self.device!r}: {error} "
                    f"Give {type(self).__name__} the device type that the model is on, or choose another precision.",
                ) from error
        self._device_checked = True
