"""How values are told on pages: filters of the templates."""

from collections.abc import Callable
from datetime import UTC, datetime

from markupsafe import Markup

from autoprec_runner.quantities import duration, figure, percent, size
from autoprec_service.formatting import counted

UNKNOWN = "–"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_THOUSANDS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def moment(at: datetime | None) -> str:
    """Return a time as an element that the reader's browser shows in the reader's own zone; UTC where it cannot."""
    if at is None:
        return UNKNOWN
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(at.isoformat(), at.strftime("%Y-%m-%d %H:%M"))


def lapse(seconds: float | None) -> str:
    """Return a longer time in words, rounded to what matters: `45 s`, `12 min`, `3.5 h`, `12 d`."""
    if seconds is None:
        return UNKNOWN
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        return f"{seconds / _HOUR:.1f} h"
    return f"{seconds / _DAY:,.0f} d"


def amount(number: float | None) -> str:
    """Return a large number in short: `338 k`, `7.1 B`."""
    if number is None:
        return UNKNOWN
    for scale, letter in _THOUSANDS:
        if abs(number) >= scale:
            return f"{figure(number / scale)} {letter}"
    return f"{number:,.0f}"


def known(text: object) -> object:
    """Return a value, or a dash where it is unknown."""
    return UNKNOWN if text is None or text == "" else text


def _or_dash(told: Callable[[float], str]) -> Callable[[float | None], str]:
    return lambda value: UNKNOWN if value is None else told(value)


FILTERS = {
    "amount": amount,
    "counted": counted,
    "duration": _or_dash(duration),
    "figure": _or_dash(figure),
    "known": known,
    "lapse": lapse,
    "moment": moment,
    "percent": _or_dash(percent),
    "size": _or_dash(size),
}
