"""Durations, sizes, ratios and lists as people read them; numbers are rounded to three significant figures."""

from collections.abc import Sequence

_TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_SIZE_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_KEPT_WHOLE = 100


def duration(seconds: float) -> str:
    """Return a time such as `12.3 ms`."""
    scale, unit = next(((scale, unit) for scale, unit in _TIME_UNITS if abs(seconds) >= scale), _TIME_UNITS[-1])
    return f"{figure(seconds / scale)} {unit}"


def size(count_bytes: float) -> str:
    """Return a size such as `1.25 GiB`."""
    for scale, unit in _SIZE_UNITS:
        if abs(count_bytes) >= scale:
            return f"{figure(count_bytes / scale)} {unit}"
    return f"{count_bytes:.0f} B"


def percent(share: float) -> str:
    """Return a share such as `2.5 %`."""
    return f"{figure(100 * share)} %"


def figure(value: float) -> str:
    """Return a number with three significant figures and no exponent for common magnitudes."""
    if abs(value) >= _KEPT_WHOLE:
        return f"{value:,.0f}"
    return f"{value:#.3g}" if abs(value) >= 1e-3 else f"{value:.3g}"  # noqa: PLR2004 (below: exponent reads better)


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them: `a`, `a and b`, `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
