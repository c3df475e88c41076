"""Linear layers train in FP8 through torchao: an example of a precision that another package provides."""

from importlib import import_module
from typing import Any, Self

import torch
from torch import nn

from autoprec_probe.candidate import Candidate, Device
from autoprec_probe.fp8 import ADA, fp8_refusal
from autoprec_probe.profile import HardwareProfile
from autoprec_probe.support import Support
from autoprec_runner.errors import IncompatibleError, MissingPackageError
from autoprec_runner.precision import HalfPrecision

MULTIPLE = 16
"""Both dimensions of a weight must be multiples of it. Source: torchao 0.18, `float8/config.py` (`pad_inner_dim`)."""
INSTALL = "pip install torchao"
SOURCE = "https://github.com/pytorch/ao/tree/v0.18.0/torchao/float8"


class Float8Precision(HalfPrecision):
    """Products of linear layers in FP8 (E4M3, gradients in E5M2, scaled per tensor); the rest as in ``bf16-true``.

    Layers are converted in place: they stay the same objects, with their names, hooks, mode and parameters. Those whose
    shape does not fit stay in bfloat16, and `report` names them. The rows of a batch should be a multiple of 16 too.

    Args:
        emulate: Whether torchao computes the numbers of FP8 in bfloat16; None where the hardware has no FP8.
    """

    def __init__(self, *, emulate: bool | None = None) -> None:
        super().__init__("bf16-true")
        self.precision = "float8-torchao"
        self.emulate = not _has_fp8() if emulate is None else emulate
        self._converted: list[str] = []
        self._kept: dict[str, str] = {}

    @classmethod
    def from_string(cls, precision: str, *, device: str) -> Self:  # noqa: ARG003 (it provides one string)
        """Return the plugin for a device; it emulates where the device has no FP8."""
        return cls(emulate=None if device == "cuda" else True)

    @classmethod
    def emulated(cls, precision: str, *, device: str) -> Self:  # noqa: ARG003 (the same on every device)
        """Return the plugin that emulates on any device."""
        return cls(emulate=True)

    @classmethod
    def supports(cls, candidate: Candidate, profile: HardwareProfile, device: Device | None = None) -> Support:
        """Say whether the machine computes FP8, emulates it, or lacks torchao."""
        if candidate.strategy != cls.strategy:
            reason = f"float8-torchao is made for strategy 'single', not {candidate.strategy!r}."
            return Support(candidate=candidate, level="unsupported", reason=reason, remedy="Use bf16-mixed there.")
        if profile.software.packages.get("torchao") is None:
            reason = "float8-torchao converts layers through torchao, which is not installed."
            return Support(candidate=candidate, level="missing-package", reason=reason, remedy=INSTALL, source=SOURCE)
        refusal = "it was asked for" if candidate.emulate else _refusal(profile, device or profile.default_device)
        if refusal is None:
            reason = "The GPU multiplies in FP8; what is no linear layer runs in bfloat16."
            return Support(candidate=candidate, level="native", reason=reason, source=SOURCE)
        return Support(
            candidate=candidate,
            level="emulated",
            reason=f"FP8 products are computed in bfloat16, with operands rounded to FP8, because {refusal}: slower "
            "than bf16-true.",
            remedy="Use it here to see whether a model is stable in FP8; for its speed, try it on a GPU of compute "
            "capability 8.9 or higher.",
            source=SOURCE,
        )

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Cast the model to bfloat16, and let its linear layers multiply in FP8.

        Raises:
            MissingPackageError: torchao is not installed.
            IncompatibleError: There is no linear layer that fits.
        """
        float8 = _torchao()
        module = super().convert_module(module)
        if any(isinstance(each, float8.float8_linear.Float8Linear) for each in module.modules()):
            return module  # converted already, by us or by its author
        linear = {name or "the model itself": each for name, each in module.named_modules() if type(each) is nn.Linear}
        self._kept = {name: reason for name, each in linear.items() if (reason := _misfit(each)) is not None}
        self._converted = [name for name in linear if name not in self._kept]
        if not self._converted:
            raise IncompatibleError(
                f"float8-torchao finds no linear layer of {type(module).__name__} that fits FP8: "
                f"{self._kept or 'there is none'}. Pad them to multiples of {MULTIPLE}, or use 'bf16-true'.",
            )
        config = float8.Float8LinearConfig(emulate=self.emulate)
        for name in self._converted:
            _convert(linear[name], float8, config)
        return module

    def compute_dtype(self) -> str:
        """Return what products are computed in."""
        return f"{'emulated ' if self.emulate else ''}float8_e4m3fn, bfloat16"

    @property
    def report(self) -> str | None:
        """Which layers run in FP8, and which do not and why."""
        if not self._converted:
            return None
        total = len(self._converted) + len(self._kept)
        kept = "; ".join(f"`{name}` ({reason})" for name, reason in self._kept.items())
        sentence = f"float8-torchao converted {len(self._converted)} of {total} Linear layers."
        return f"{sentence} Kept in bfloat16: {kept}." if kept else sentence


def _convert(layer: nn.Linear, float8: Any, config: Any) -> None:
    """Turn a layer into torchao's, in place: torchao's function makes a new layer and knows no hooks."""
    made = float8.convert_to_float8_training(layer, config=config)
    vars(layer).update({name: value for name, value in vars(made).items() if name not in vars(layer)})
    layer.__class__ = type(made)


def _misfit(layer: nn.Linear) -> str | None:
    shape = layer.in_features, layer.out_features
    if not any(each % MULTIPLE for each in shape):
        return None
    return f"{shape[0]} inputs, {shape[1]} outputs: no multiples of {MULTIPLE}"


def _refusal(profile: HardwareProfile, device: Device) -> str | None:
    """Return why a device has no FP8, None if it has."""
    if device != "cuda":
        return f"a device of kind {device!r} has no kernels for them"
    known = [each.compute_capability for each in profile.accelerators if each.kind == device]
    capabilities = [each for each in known if each is not None]
    if not capabilities:
        return "the driver does not tell the compute capability"
    return fp8_refusal(min(capabilities))


def _has_fp8() -> bool:
    return torch.cuda.is_available() and torch.cuda.get_device_capability() >= ADA


def _torchao() -> Any:
    try:
        return import_module("torchao.float8")
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"float8-torchao needs torchao, which is not installed. Install it with: {INSTALL}",
        ) from error
