"""How often what was said with some confidence turned out to be right."""

from collections.abc import Sequence
from dataclasses import dataclass

from autoprec_dashboards.figures.figure import ALTERNATIVE, Figure, axis, figure


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Answers of about the same confidence."""

    confidence: float
    """Their mean, 0 to 1."""
    answers: int
    confirmed: int

    @property
    def share(self) -> float:
        """How many of them were confirmed, 0 to 1."""
        return self.confirmed / self.answers


def calibration(bins: Sequence[Bin]) -> Figure:
    """Return the confirmed share against the stated confidence, in percent; on the diagonal it says what it means."""
    line = {"type": "scatter", "mode": "lines", "x": [0, 100], "y": [0, 100], "hoverinfo": "skip"}
    points = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [100 * each.confidence for each in bins],
        "y": [100 * each.share for each in bins],
        "text": [f"{each.confirmed} of {each.answers}" for each in bins],
        "textposition": "top center",
        "marker": {"size": [min(28, 8 + each.answers**0.5) for each in bins], "color": ALTERNATIVE},
        "name": "answers",
    }
    layout = {
        "xaxis": axis("stated confidence (%)", range=[-4, 104]),
        "yaxis": axis("confirmed by later trials (%)", range=[-4, 112]),
    }
    return figure([{**line, "line": {"dash": "dot", "color": "#999999"}, "name": "calibrated"}, points], layout)
