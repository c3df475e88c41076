"""Transformer Engine: weights in half precision, products of linear layers in FP8."""

import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Self

import torch
from torch import Tensor, nn

from autoprec_runner.compiled import holds_compiled
from autoprec_runner.errors import IncompatibleError, MissingPackageError, PrecisionError
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.contexts import DefaultDtype, Together
from autoprec_runner.precision.conversion import cast_floating, cast_module
from autoprec_runner.precision.transformer_engine.coverage import Coverage, coverage_of
from autoprec_runner.precision.transformer_engine.emulation import Float8Autocast
from autoprec_runner.precision.transformer_engine.library import TransformerEngine
from autoprec_runner.precision.transformer_engine.machine import Machine
from autoprec_runner.precision.transformer_engine.recipes import FORMATS, Recipes, emulated_recipes, library_recipes
from autoprec_runner.precision.transformer_engine.replacement import emulate_layers, is_converted, replace_layers

_NAMES = {torch.bfloat16: "transformer-engine", torch.float16: "transformer-engine-float16"}
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}
_ALLOWED = (torch.bfloat16, torch.float16, torch.float32)


class TransformerEnginePrecision(Precision):
    """Linear layers multiply in FP8 through Transformer Engine; weights are in `weights_dtype`, and so is the rest.

    `convert_module` casts the model, then puts Transformer Engine's layers in the place of `torch.nn.Linear` and
    `torch.nn.LayerNorm`, unless the model has such layers already. Parameters stay the same objects. A linear layer
    whose shape does not fit stays in `weights_dtype`: a warning names it, and `coverage` has the share of work that it
    stands for. Batches have to fit as well: their rows (the product of all dimensions but the last) must be a multiple
    of 16, or Transformer Engine refuses them.

    Args:
        weights_dtype: ``torch.bfloat16`` or ``torch.float16``; ``torch.float32`` keeps the weights and computes what is
            not FP8 in fp32.
        recipe: The options of delayed scaling as a mapping, or a recipe object of ``transformer_engine.common.recipe``.
            None takes the recipe of the architecture: delayed scaling on Ada and Hopper, MXFP8 on Blackwell (current
            scaling from compute capability 12.0 on). Where that is delayed scaling, current scaling stands in under
            `torch.compile`, which cannot trace it, and in inference before the first backward, when there is no
            history to scale by.
        replace_layers: Whether layers are replaced; None means yes. A model that holds Transformer Engine's layers is
            left as its author made it in any case.
        fp8_format: ``hybrid`` (E4M3 forward, E5M2 gradients) or ``e4m3``, where `recipe` does not say it.
        emulate: Compute the numbers of FP8 with delayed or current scaling on any device, without Transformer Engine:
            to judge stability. Its speed and memory say nothing of FP8.

    Raises:
        MissingPackageError: Transformer Engine is not installed.
        PrecisionError: An option is wrong, or this machine cannot compute FP8.
    """

    machine: Machine | None = None
    """What the plugin is made for; None asks this process when it is made."""

    coverage: Coverage | None = None
    """What of the latest converted model runs in FP8."""

    def __init__(
        self,
        weights_dtype: torch.dtype = torch.bfloat16,
        recipe: Mapping[str, Any] | object | None = None,
        replace_layers: bool | None = None,  # noqa: FBT001 (the public contract)
        fp8_format: str = "hybrid",
        emulate: bool = False,  # noqa: FBT001, FBT002 (the public contract)
    ) -> None:
        self._refuse_options(weights_dtype, recipe, fp8_format)
        self.precision = _NAMES.get(weights_dtype, _NAMES[torch.bfloat16])
        self.weights_dtype = weights_dtype
        self.replace_layers = replace_layers
        self.emulate = emulate
        self._library: TransformerEngine | None = None
        self._recipes: Recipes[Any]
        if emulate:
            self._recipes = emulated_recipes(recipe, fp8_format)
            self._autocast_devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
        else:
            machine = self.machine or Machine.current()
            self._library = _library_for(machine, f"{type(self).__name__}(weights_dtype={weights_dtype})")
            self._recipes = library_recipes(self._library, machine, recipe, fp8_format)
            self.device = machine.device
            self._autocast_devices = (machine.device,)
        self._is_compiled = False
        self._has_history = False

    @classmethod
    def from_string(cls, precision: str, *, device: str) -> Self:  # noqa: ARG003 (Transformer Engine has one device)
        """Return the plugin for ``transformer-engine`` or ``transformer-engine-float16``."""
        return cls(_DTYPES[precision])

    @classmethod
    def emulated(cls, precision: str, *, device: str) -> Self:  # noqa: ARG003 (the same on every device)
        """Return the plugin that computes the numbers of FP8 on any device."""
        return cls(_DTYPES[precision], emulate=True)

    @property
    def recipe(self) -> Any:
        """The recipe that a training forward runs with."""
        return self._recipes.main

    def setup_fp8_recipe(self) -> Any:
        """Return `recipe`."""
        return self.recipe

    def expect_compilation(self) -> None:
        """Leave delayed scaling, which cannot be compiled."""
        self._is_compiled = True

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Cast floating-point parameters and buffers, and replace layers; warn of linear layers that do not fit.

        Raises:
            IncompatibleError: No layer fits.
            PrecisionError: Delayed scaling was asked for by name and the model is compiled.
        """
        self._is_compiled = self._is_compiled or holds_compiled(module)
        self._refuse_delayed_under_compile(compiled=self._is_compiled)
        module = cast_module(module, self.weights_dtype)
        keep = self.replace_layers is False or is_converted(module)
        if not keep:
            module = self._converted(module)
        self.coverage = coverage_of(module, self._recipes.multiple)
        if not keep and not self.coverage.quantized_weights:
            raise IncompatibleError(
                f"{self.precision} finds no linear layer to run in FP8 in {type(module).__name__}. "
                f"{self.coverage.sentence(self._rest)} Use {_mixed(self.weights_dtype)}, or pad the dimensions.",
            )
        if not keep and self.coverage.skipped:
            warnings.warn(f"{self.precision}: {self.coverage.sentence(self._rest)}", stacklevel=2)
        return module

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors to the dtype of the weights."""
        return cast_floating(data, self.weights_dtype)

    def convert_output(self, data: Any) -> Any:
        """Cast floating-point tensors to the default dtype."""
        return cast_floating(data, torch.get_default_dtype())

    def forward_context(self) -> AbstractContextManager[Any]:
        """Compute FP8 products, and the rest under autocast with the dtype of the weights as default.

        Raises:
            PrecisionError: Delayed scaling was asked for by name, and this forward is being compiled.
        """
        compiled = self._is_compiled or torch.compiler.is_compiling()
        self._refuse_delayed_under_compile(compiled=compiled)
        stateless = compiled or not (self._has_history or torch.is_grad_enabled())
        recipe = self._recipes.stateless if stateless and self._recipes.stateless else self._recipes.main
        float8 = self._library.autocast(recipe) if self._library else Float8Autocast(delayed=recipe.delayed)
        return Together(DefaultDtype(self.weights_dtype), *self._autocasts(), float8)

    def tensor_init_context(self) -> AbstractContextManager[Any]:
        """Make the dtype of the weights the default; layers are replaced when the model is converted."""
        return DefaultDtype(self.weights_dtype)

    def pre_backward(self, tensor: Tensor, module: nn.Module | None = None) -> Tensor:
        """Note that training has begun, so that scales have a history from here on."""
        self._has_history = True
        return super().pre_backward(tensor, module)

    def compute_dtype(self) -> str | None:
        """Return the dtypes that products are computed in, with the share of those in FP8 where it is not all."""
        if self.coverage is None or not self.coverage.quantized_weights:
            return None
        share = self.coverage.unquantized_share
        part = f" ({1 - share:.1%} of linear layers' operations)" if share else ""
        emulated = "emulated " if self.emulate else ""
        return f"{emulated}float8_e4m3fn{part}, {self._rest}"

    @property
    def _rest(self) -> str:
        return str(self.weights_dtype).removeprefix("torch.")

    def _refuse_options(self, dtype: torch.dtype, recipe: object, fp8_format: str) -> None:
        name = type(self).__name__
        if dtype not in _ALLOWED:
            raise PrecisionError(
                f"Passed `{name}(weights_dtype={dtype!r})`. weights_dtype must be one of "
                f"{', '.join(map(str, _ALLOWED))}.",
            )
        if fp8_format not in FORMATS:
            raise PrecisionError(
                f"Passed `{name}(fp8_format={fp8_format!r})`. fp8_format must be 'hybrid' or 'e4m3': "
                "Transformer Engine refuses to train in e5m2 alone.",
            )
        if fp8_format != FORMATS[0] and recipe is not None and not isinstance(recipe, Mapping):
            raise PrecisionError(
                f"Passed `{name}(fp8_format={fp8_format!r})` and a recipe object, which has a format of its own. "
                "Say it in the recipe.",
            )

    def _refuse_delayed_under_compile(self, *, compiled: bool) -> None:
        if compiled and self._recipes.is_delayed and self._recipes.stateless is None:
            raise PrecisionError(
                "Delayed scaling cannot run under torch.compile. Leave recipe out, and current scaling is taken there, "
                "or pass Float8CurrentScaling().",
            )

    def _converted(self, module: nn.Module) -> nn.Module:
        if self._library is not None:
            return replace_layers(module, self._library, self._recipes.multiple)
        emulate_layers(module, self._recipes.main, self._recipes.multiple)
        return module

    def _autocasts(self) -> list[AbstractContextManager[Any]]:
        if self.weights_dtype is torch.float32:
            return []
        return [torch.autocast(device, dtype=self.weights_dtype) for device in self._autocast_devices]


def _library_for(machine: Machine, call: str) -> TransformerEngine:
    refusal = machine.refusal
    try:
        library = TransformerEngine()
    except MissingPackageError as error:
        if refusal is None:
            raise
        raise MissingPackageError(f"{_refused(refusal, call)} {error}") from error
    refusal = refusal or library.unavailable()
    if refusal:
        raise PrecisionError(_refused(refusal, call))
    return library


def _refused(refusal: str, call: str) -> str:
    return (
        f"Passed `{call}`. This machine cannot run Transformer Engine: {refusal.rstrip('.')}. Use 'bf16-mixed' or "
        "'16-mixed'; to see whether a model is stable in FP8, pass TransformerEnginePrecision(emulate=True)."
    )


def _mixed(dtype: torch.dtype) -> str:
    return "'16-mixed'" if dtype is torch.float16 else "'bf16-mixed'"
