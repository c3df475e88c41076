"""Numbers and lists as people read them; durations, sizes and shares are spelled as in the reasons of trials."""

from autoprec_runner.quantities import duration, listed, percent, size

__all__ = ["counted", "duration", "listed", "percent", "ratio", "size"]

_TWO_DECIMALS_BELOW = 2
_ONE_DECIMAL_BELOW = 10


def ratio(value: float) -> str:
    """Return a ratio with the digits that matter: `0.97`, `1.02`, `2.7`, `14`."""
    if value < _TWO_DECIMALS_BELOW:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < _ONE_DECIMAL_BELOW else f"{value:,.0f}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 step`, `40 steps`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
