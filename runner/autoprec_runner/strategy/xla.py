"""XLA: operations are recorded while the model runs, compiled once for each shape of a step, and run by its device."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import nn
from torch.optim import Optimizer

from autoprec_probe.candidate import MatmulPrecision
from autoprec_runner.checkpoint import collect, write_checkpoint
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.conversion import convert_tensors
from autoprec_runner.precision.xla import XLAPrecision
from autoprec_runner.strategy import xla_library as xla
from autoprec_runner.strategy.base import Strategy
from autoprec_runner.trial import EffectiveDtypes


class XLAStrategy(Strategy):
    """Trains on the XLA device of this process: a TPU core, or XLA's CPU device, which is for correctness, not speed.

    Parameters stay the objects that they were, so that optimizers made before `setup` and tied weights stay right.
    Every `optimizer.step()` ends a step; the first ones are compiled, which takes seconds. Whatever reads a number of
    the step before it has ended (`loss.item()`, clipping by norm) cuts it in two programs.
    """

    name: ClassVar[str] = "xla"
    matmul_precisions: ClassVar[tuple[MatmulPrecision, ...]] = ("highest",)

    @classmethod
    def precision(cls, precision: str, *, device: str) -> Precision:
        """Return the plugin for a canonical precision string."""
        return XLAPrecision.from_string(precision, device=device)

    @classmethod
    def device(cls, accelerator: str) -> torch.device:
        """Return the XLA device for what a user asked for, and start XLA on it."""
        return xla.open_device(accelerator)

    @property
    def rank(self) -> int:
        """The number of this process among those that XLA knows of."""
        return xla.rank()

    @property
    def world_size(self) -> int:
        """How many processes XLA knows of."""
        return xla.world_size()

    @property
    def compilations(self) -> int:
        """How many programs this process has compiled."""
        return xla.compilations()

    def move(self, module: nn.Module, device: torch.device) -> nn.Module:
        """Return the module on the device, its parameters still the same objects.

        Raises:
            PrecisionError: A parameter cannot be moved so, because something holds a weak reference to it.
        """
        with _swapped_parameters():
            try:
                return module.to(device)
            except RuntimeError as error:
                raise PrecisionError(
                    f"The parameters of {type(module).__name__} cannot be moved to {device}: {error}. Set it up before "
                    "anything keeps weak references to its parameters.",
                ) from error

    def synchronize(self, device: torch.device) -> None:  # noqa: ARG002 (the contract)
        """Finish the step and wait until the device is idle."""
        xla.wait()

    def seed(self, seed: int) -> None:
        """Seed the random numbers that are drawn on the device."""
        xla.seed(seed)

    def effective_dtypes(
        self,
        observed: EffectiveDtypes,
        module: nn.Module,  # noqa: ARG002 (the contract)
        optimizer: Optimizer | None,  # noqa: ARG002 (the contract)
    ) -> EffectiveDtypes:
        """Add what a TPU makes of float32 products."""
        if observed.compute != "float32" or xla.device_kind() != "TPU" or xla.float32_products() != "default":
            return observed
        told = "A TPU multiplies float32 in bfloat16 unless torch_xla.backends.set_mat_mul_precision says 'highest'."
        return observed.model_copy(update={"note": told})

    def save(self, path: str | os.PathLike[str], state: Mapping[str, Any], plugin: Precision) -> None:
        """Write a checkpoint of copies on the CPU, as every other strategy could have written it."""
        xla.wait()
        content = collect(state, plugin, self.state_of)
        write_checkpoint(path, convert_tensors(content, torch.Tensor.cpu))


@contextmanager
def _swapped_parameters() -> Iterator[None]:
    """Let `Module.to` put new contents into parameters where it would make new parameters."""
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        yield
    finally:
        torch.__future__.set_swap_module_params_on_conversion(before)
