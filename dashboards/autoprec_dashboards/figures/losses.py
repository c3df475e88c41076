"""Losses beside those of the fp32 reference."""

from collections.abc import Sequence

from autoprec_dashboards.figures.figure import REFERENCE, Figure, axis, colour, figure
from autoprec_runner.quantities import percent
from autoprec_runner.trial import Trial

_LOGARITHMIC_FROM = 20


def losses(reference: Trial | None, others: Sequence[Trial]) -> Figure:
    """Return the loss of each step, and around those of the reference the band of the gap that is accepted.

    What is accepted is a gap in the mean over the compared tail: a single step outside of the band is no failure.
    """
    band = _band(reference, _allowed(others)) if reference and reference.losses else []
    own = [_line(reference, REFERENCE, 3)] if reference and reference.losses else []
    lines = [_line(each, colour(number), 1.5) for number, each in enumerate(others) if each.losses]
    values = [each for trial in (reference, *others) if trial for each in trial.losses]
    return figure(
        [*band, *own, *lines], {"xaxis": axis("step"), "yaxis": axis("loss", **_scale(values)), "hovermode": "x"}
    )


def _allowed(trials: Sequence[Trial]) -> float | None:
    """Return the largest gap that was accepted of any of them: a share of the reference's loss."""
    return max((each.stability.allowed for each in trials if each.stability and each.stability.allowed), default=None)


def _band(reference: Trial, allowed: float | None) -> list[Figure]:
    if allowed is None:
        return []
    steps = list(range(1, len(reference.losses) + 1))
    edge = {"type": "scatter", "mode": "lines", "x": steps, "line": {"width": 0}, "hoverinfo": "skip"}
    upper = [loss + allowed * abs(loss) for loss in reference.losses]
    lower = [loss - allowed * abs(loss) for loss in reference.losses]
    name = f"fp32 ± {percent(allowed)}, accepted on average"
    return [
        {**edge, "y": upper, "showlegend": False},
        {**edge, "y": lower, "fill": "tonexty", "fillcolor": "rgba(127,135,148,0.2)", "name": name},
    ]


def _line(trial: Trial, of_colour: str, width: float) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(range(1, len(trial.losses) + 1)),
        "y": list(trial.losses),
        "name": str(trial.candidate),
        "line": {"color": of_colour, "width": width},
    }


def _scale(values: Sequence[float]) -> Figure:
    positive = [each for each in values if each > 0]
    wide = len(positive) == len(values) > 0 and max(positive) >= _LOGARITHMIC_FROM * min(positive)
    return {"type": "log"} if wide else {}
