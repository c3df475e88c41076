"""The front door: from a precision string to a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoprec_probe.errors import UnknownPrecisionError
from autoprec_probe.precision import canonical_precision
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Precision
from autoprec_runner.strategy.registry import strategy_class

if TYPE_CHECKING:
    from autoprec_runner.strategy.base import Strategy


def resolve_precision(precision: str | int | Precision, *, device: str = "cpu", strategy: str = "single") -> Precision:
    """Return the plugin for what a user asked for.

    Args:
        precision: A precision string, one of its aliases (``32 64 16 bf16``), or a plugin, which is returned as it is.
        device: The device type that the plugin is for, such as ``cpu`` or ``cuda``.
        strategy: Who owns the step.

    Raises:
        PrecisionError: An unknown precision or strategy, or a plugin that is broken or made for another device
            or strategy.
    """
    owner = strategy_class(strategy)
    plugin = precision if isinstance(precision, Precision) else _from_string(precision, device, owner)
    if plugin.strategy != strategy:
        raise PrecisionError(
            f"{plugin!r} is made for strategy {plugin.strategy!r}, but the engine runs {strategy!r}. "
            f"Choose strategy={plugin.strategy!r}, or give the precision as a string.",
        )
    if plugin.device not in {None, device}:
        raise PrecisionError(
            f"{plugin!r} is made for device {plugin.device!r}, but the model runs on {device!r}. "
            f"Make the plugin with device={device!r}, or choose the other accelerator.",
        )
    return plugin


def _from_string(precision: str | int, device: str, strategy: type[Strategy]) -> Precision:
    try:
        name = canonical_precision(precision)
    except UnknownPrecisionError as error:
        raise PrecisionError(str(error)) from error
    plugin = strategy.precision(name, device=device)
    if plugin.precision != name:
        raise PrecisionError(
            f"{type(plugin).__name__}, registered for precision {name!r}, calls itself {plugin.precision!r}. "
            "Its class must set `precision`, or take it in `from_string`.",
        )
    return plugin
