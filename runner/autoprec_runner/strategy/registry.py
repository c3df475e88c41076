"""Which class is a strategy: found by name, imported when it is asked for."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from autoprec_runner.errors import PrecisionError

if TYPE_CHECKING:
    from autoprec_runner.strategy.base import Strategy

_CLASSES = {
    "single": "autoprec_runner.strategy.base:Strategy",
    "fsdp": "autoprec_runner.strategy.fsdp:FSDPStrategy",
    "deepspeed": "autoprec_runner.strategy.deepspeed:DeepSpeedStrategy",
    "xla": "autoprec_runner.strategy.xla:XLAStrategy",
}
STRATEGIES = tuple(_CLASSES)
"""Who can own the step."""


def strategy_class(name: str) -> type[Strategy]:
    """Return the class of a strategy.

    Raises:
        PrecisionError: There is no such strategy; the message lists those that there are.
    """
    if name not in _CLASSES:
        raise PrecisionError(f"strategy={name!r} is not available; allowed: {', '.join(STRATEGIES)}.")
    module, _, attribute = _CLASSES[name].partition(":")
    found: type[Strategy] = getattr(importlib.import_module(module), attribute)
    return found


def make_strategy(name: str, options: dict[str, Any]) -> Strategy:
    """Return a strategy with its options.

    Raises:
        PrecisionError: There is no such strategy, or it does not take these options.
    """
    found = strategy_class(name)
    allowed = [each for each in inspect.signature(found).parameters if each not in {"args", "kwargs"}]
    unknown = [each for each in options if each not in allowed]
    if unknown:
        raise PrecisionError(
            f"strategy={name!r} takes no option {', '.join(map(repr, unknown))}; "
            f"it takes {', '.join(allowed) or 'none at all'}.",
        )
    return found(**options)
