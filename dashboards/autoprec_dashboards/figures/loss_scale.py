"""The path of the gradient scaler's scale."""

from collections.abc import Sequence

from autoprec_dashboards.figures.figure import Figure, axis, colour, figure
from autoprec_runner.trial import Trial


def loss_scales(trials: Sequence[Trial]) -> Figure:
    """Return the scale after each step; it halves where a step was skipped."""
    drawn = [each for each in trials if each.loss_scales]
    return figure(
        [_line(each, number) for number, each in enumerate(drawn)],
        {"xaxis": axis("step"), "yaxis": axis("loss scale", type="log", dtick="D2"), "showlegend": True},
    )


def _line(trial: Trial, number: int) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(range(1, len(trial.loss_scales) + 1)),
        "y": list(trial.loss_scales),
        "name": str(trial.candidate),
        "line": {"shape": "hv", "color": colour(number)},
    }
