"""A figure on a page."""

from dataclasses import dataclass

from autoprec_dashboards.figures import Figure


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A figure with what is said about it."""

    id: str
    title: str
    caption: str
    figure: Figure
    height: int = 340
    """In CSS pixels."""
    wide: bool = False
    """Whether it takes the whole width of the page."""
