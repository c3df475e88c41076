"""From what a user says of a recipe, or from the architecture, to the recipes that a forward runs with."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from autoprec_probe.fp8 import default_recipe, recipe_refusal
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.transformer_engine.float8 import ScalingRecipe
from autoprec_runner.precision.transformer_engine.library import TransformerEngine
from autoprec_runner.precision.transformer_engine.machine import Machine

FORMATS = ("hybrid", "e4m3")
_MULTIPLES = {"MXFP8BlockScaling": 32}
_MULTIPLE = 16
"""Both dimensions of a weight must be multiples of 16 for the three products of training (of 32, the block, for MXFP8).
Source: Transformer Engine 2.20, `quantization.py` (`autocast`, `get_align_size_for_quantization`); the forward product
alone would do with 16 and 8 (`utils.py`, `assert_dim_for_fp8_exec`)."""

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Recipes(Generic[R]):
    """The recipe to train with, and what stands in where it cannot be used."""

    main: R
    stateless: R | None
    """Needs no history: for `torch.compile` and for inference before any training. None where the user chose `main`."""
    is_delayed: bool
    """Whether `main` is delayed scaling, which `torch.compile` cannot trace."""
    multiple: int = _MULTIPLE
    """What the dimensions of a layer must be multiples of."""


def library_recipes(
    library: TransformerEngine,
    machine: Machine,
    recipe: Mapping[str, Any] | object | None,
    fp8_format: str,
) -> Recipes[Any]:
    """Return Transformer Engine's recipes for a machine.

    Args:
        library: Transformer Engine.
        machine: A machine that computes FP8.
        recipe: The options of delayed scaling, a recipe object, or None for the recipe of the architecture.
        fp8_format: ``hybrid`` or ``e4m3``. MXFP8 is E4M3 throughout, as its authors have it: each block of 32 numbers
            has a scale of its own, so that gradients need no wider exponent.

    Raises:
        PrecisionError: The recipe is none, has options that it does not know, or needs another device.
    """
    assert machine.capability is not None, "a machine that computes FP8 has a GPU"
    if recipe is None:
        names = default_recipe(machine.capability), default_recipe(machine.capability, compiled=True)
        made = {name: library.recipe(name, _format_for(name, fp8_format)) for name in names}
        main, stateless = (made[name] for name in names)
    else:
        main, stateless = _chosen(library, recipe, fp8_format), None
    name = type(main).__name__
    refusal = recipe_refusal(name, machine.capability, cuda=machine.cuda)
    if refusal:
        raise PrecisionError(
            f"The recipe {name} cannot run on this device: {refusal}. Leave recipe out, or choose one."
        )
    multiple = _MULTIPLES.get(name, _MULTIPLE)
    return Recipes(main=main, stateless=stateless, is_delayed=bool(main.delayed()), multiple=multiple)


def emulated_recipes(recipe: Mapping[str, Any] | object | None, fp8_format: str) -> Recipes[ScalingRecipe]:
    """Return the recipes of the emulation, which knows delayed and (``{"delayed": False}``) current scaling of tensors.

    Raises:
        PrecisionError: The recipe is another one, or has options that the emulation does not know.
    """
    options = _options_of(recipe)
    named = {"fp8_format": fp8_format} | options
    named["fp8_format"] = str(getattr(named["fp8_format"], "name", named["fp8_format"])).upper()
    allowed = [each.name for each in fields(ScalingRecipe)]
    unknown = sorted(set(named).difference(allowed))
    if unknown:
        raise PrecisionError(f"The emulation takes no {', '.join(map(repr, unknown))}; allowed: {', '.join(allowed)}.")
    try:
        main = ScalingRecipe(**named)
    except (ValueError, TypeError) as error:
        raise PrecisionError(f"The emulation does not take {dict(options)!r}: {error}") from error
    stateless = ScalingRecipe(**{**named, "delayed": False}) if recipe is None else None
    return Recipes(main=main, stateless=stateless, is_delayed=main.delayed)


def _chosen(library: TransformerEngine, recipe: Mapping[str, Any] | object, fp8_format: str) -> Any:
    if isinstance(recipe, Mapping):
        return library.recipe("DelayedScaling", {"fp8_format": fp8_format, **recipe})
    if not library.is_recipe(recipe):
        raise PrecisionError(
            f"recipe={recipe!r} is neither a mapping such as {{'fp8_format': 'HYBRID', 'amax_history_len': 16}} nor an "
            "object of transformer_engine.common.recipe.",
        )
    return recipe


def _format_for(recipe: str, fp8_format: str) -> dict[str, str]:
    return {"fp8_format": "e4m3" if recipe == "MXFP8BlockScaling" else fp8_format}


def _options_of(recipe: Mapping[str, Any] | object | None) -> dict[str, Any]:
    """Return the options of a recipe in the words of the emulation."""
    if recipe is None:
        return {}
    if isinstance(recipe, Mapping):
        return dict(recipe)
    name = type(recipe).__name__
    if name == "DelayedScaling":
        known = [each.name for each in fields(ScalingRecipe) if each.name != "delayed"]
        return {each: getattr(recipe, each) for each in known}
    if name == "Float8CurrentScaling":
        return {"fp8_format": getattr(recipe, "fp8_format", "hybrid"), "delayed": False}
    raise PrecisionError(
        f"recipe={recipe!r} cannot be emulated: the emulation knows DelayedScaling and Float8CurrentScaling, or a "
        "mapping of the former's options.",
    )
