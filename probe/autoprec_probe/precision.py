"""The vocabulary of precision strings, and what users may type for them."""

import difflib
import warnings
from functools import cache
from importlib.metadata import entry_points

from autoprec_probe.errors import UnknownPrecisionError

ENTRY_POINT_GROUP = "autoprec.precisions"

BITSANDBYTES: tuple[str, ...] = ("bnb-nf4", "bnb-nf4-dq", "bnb-fp4", "bnb-fp4-dq", "bnb-int8", "bnb-int8-training")
"""The strings that quantize weights through bitsandbytes; what follows `bnb-` is the mode."""

BUILT_IN: tuple[str, ...] = (
    "32-true",
    "bf16-mixed",
    "16-mixed",
    "bf16-true",
    "16-true",
    "64-true",
    "transformer-engine",
    "transformer-engine-float16",
    *BITSANDBYTES,
)
"""The strings that autoprec itself provides, in the order in which tables show them."""

_SILENT_ALIASES = {"32": "32-true", "64": "64-true"}
_AMBIGUOUS_ALIASES = {"16": "16-mixed", "bf16": "bf16-mixed"}


@cache
def known_precisions() -> tuple[str, ...]:
    """Return every precision string installed here: the built-in ones, then those of third parties by name."""
    registered = {point.name for point in entry_points(group=ENTRY_POINT_GROUP)}
    return BUILT_IN + tuple(sorted(registered.difference(BUILT_IN)))


def canonical_precision(precision: str | int) -> str:
    """Return the canonical string for what a user typed.

    The aliases are Fabric's: ``32`` and ``64`` are taken silently, ``16`` and ``bf16`` with a warning, because both
    could mean a true half precision.

    Raises:
        UnknownPrecisionError: The string is neither a precision nor an alias; the message lists what is valid.
    """
    text = str(precision)
    if text in _SILENT_ALIASES:
        return _SILENT_ALIASES[text]
    if text in _AMBIGUOUS_ALIASES:
        meant = _AMBIGUOUS_ALIASES[text]
        warnings.warn(
            f"precision={precision!r} is taken as {meant!r}. Say {meant!r}, or {text + '-true'!r} for weights in half "
            "precision, to make it explicit.",
            stacklevel=2,
        )
        return meant
    if text not in known_precisions():
        near = difflib.get_close_matches(text, known_precisions(), n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownPrecisionError(
            f"Unknown precision {precision!r}.{hint} Valid precisions: {', '.join(known_precisions())}; "
            "aliases: 32, 64, 16, bf16.",
        )
    return text
