"""What all figures have in common: their form and their colours."""

import math
from collections.abc import Iterable
from typing import Any

Figure = dict[str, Any]
"""`data` (a list of traces) and `layout`, in plotly's words: https://plotly.com/javascript/reference/"""

CHOSEN, ALTERNATIVE, REJECTED, REFERENCE = "#009e73", "#0072b2", "#d55e00", "#7f8794"
"""They can be told apart by those who see few colours: https://jfly.uni-koeln.de/color/"""
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f8794")
"""The same palette, for whatever has no role of its own; it begins anew after the last."""


def figure(data: Iterable[Figure], layout: Figure) -> Figure:
    """Return a figure with the margins and the legend that all of them have."""
    common = {
        "margin": {"l": 64, "r": 16, "t": 40, "b": 48},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        "hovermode": "closest",
    }
    return {"data": [_finite(each) for each in data], "layout": common | layout}


def _finite(value: Any) -> Any:
    """Return a trace with gaps where it had NaN and infinities, which JSON cannot hold and no figure can show."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case list():
            return [_finite(each) for each in value]
        case dict():
            return {name: _finite(each) for name, each in value.items()}
        case _:
            return value


def axis(title: str, **settings: Any) -> Figure:
    """Return an axis whose title says the unit."""
    return {"title": {"text": title}, "automargin": True} | settings


def colour(number: int) -> str:
    """Return the colour of a series by its number."""
    return SERIES[number % len(SERIES)]
