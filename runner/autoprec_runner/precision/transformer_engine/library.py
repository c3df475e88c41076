"""The one door to the package `transformer_engine`.

What is called through it is held to the real package, in one pinned version, by `test_transformer_engine_contract.py`.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from inspect import signature
from typing import Any

import torch
from torch import nn

from autoprec_probe.fp8 import INSTALL
from autoprec_runner.errors import MissingPackageError, PrecisionError

_PACKAGE = "transformer_engine.pytorch"


class TransformerEngine:
    """Transformer Engine as far as it is used here.

    Raises:
        MissingPackageError: It is not installed.
        PrecisionError: It is installed and does not work, or cannot compute FP8 on this machine.
    """

    def __init__(self) -> None:
        try:
            self._te: Any = import_module(_PACKAGE)
            self._recipes: Any = import_module("transformer_engine.common.recipe")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "transformer_engine":
                raise self._broken(error) from error
            raise MissingPackageError(f"Transformer Engine is not installed. Install it with: {INSTALL}") from error
        except Exception as error:  # its native library can fail to load in any way
            raise self._broken(error) from error

    def linear(self, layer: nn.Linear) -> nn.Module:
        """Return a linear layer of the same shape, with neither memory nor random numbers spent on its parameters."""
        made: nn.Module = self._te.Linear(
            layer.in_features,
            layer.out_features,
            bias=layer.bias is not None,
            params_dtype=layer.weight.dtype,
            device="meta",
        )
        return made

    def layer_norm(self, layer: nn.LayerNorm) -> nn.Module:
        """Return a layer normalisation of the same shape, with no memory spent on its parameters."""
        made: nn.Module = self._te.LayerNorm(
            layer.normalized_shape,
            eps=layer.eps,
            dtype=layer.weight.dtype,
            device="meta",
        )
        return made

    def autocast(self, recipe: Any) -> AbstractContextManager[Any]:
        """Return the context in which layers compute FP8; `fp8_autocast` is its older name."""
        if hasattr(self._te, "autocast"):
            context: AbstractContextManager[Any] = self._te.autocast(enabled=True, recipe=recipe)
            return context
        old: AbstractContextManager[Any] = self._te.fp8_autocast(enabled=True, fp8_recipe=recipe)
        return old

    def unavailable(self) -> str | None:
        """Return why Transformer Engine itself says that FP8 is not available, None if it does not."""
        if not hasattr(self._te, "is_fp8_available"):
            return None
        available, reason = self._te.is_fp8_available(return_reason=True)
        return None if available else str(reason)

    def is_recipe(self, value: object) -> bool:
        """Return whether a value is a recipe object."""
        return isinstance(value, self._recipes.Recipe)

    def recipe(self, name: str, options: Mapping[str, Any]) -> Any:
        """Return a recipe by the name of its class.

        Raises:
            PrecisionError: It takes no such option, or not this value of one.
        """
        kind = getattr(self._recipes, name)
        allowed = list(signature(kind).parameters)
        unknown = sorted(set(options).difference(allowed))
        if unknown:
            raise PrecisionError(
                f"The recipe {name} takes no {', '.join(map(repr, unknown))}; allowed: {', '.join(allowed)}.",
            )
        named = {key: self._format(value) if key == "fp8_format" else value for key, value in options.items()}
        try:
            return kind(**named)
        except (ValueError, TypeError, AssertionError) as error:
            raise PrecisionError(f"The recipe {name} does not take {dict(options)!r}: {error}") from error

    def _format(self, value: Any) -> Any:
        formats = self._recipes.Format
        if not isinstance(value, str):
            return value
        if value.upper() not in formats.__members__:
            raise PrecisionError(f"fp8_format={value!r}; allowed: {', '.join(formats.__members__)}.")
        return formats[value.upper()]

    @staticmethod
    def _broken(error: Exception) -> PrecisionError:
        return PrecisionError(
            f"Transformer Engine is installed and cannot be imported: {type(error).__name__}: {error}. "
            f"It must be built for this torch ({torch.__version__}); to install it anew: {INSTALL}",
        )


def is_foreign_layer(module: nn.Module) -> bool:
    """Return whether a module is Transformer Engine's, or inherits from one; asks without importing the package."""
    return any(kind.__module__.partition(".")[0] == "transformer_engine" for kind in type(module).__mro__)
