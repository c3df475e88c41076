"""A recommendation as a figure: step time against memory."""

from typing import TYPE_CHECKING

from autoprec.recommendation import Recommendation
from autoprec.rows import is_marked, latest
from autoprec_dashboards.figures import Point, tradeoff
from autoprec_probe.candidate import Candidate

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def plot(recommendation: Recommendation) -> "Figure":
    """Return step time with its interval against peak memory, one point a measured candidate; the chosen one is a star.

    Raises:
        ImportError: plotly is not installed; the message says how to get it.
    """
    try:
        from plotly.graph_objects import Figure  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise ImportError("plot() needs plotly: pip install 'autoprec[notebook]'") from error
    roles = _roles(recommendation)
    found = {
        candidate: Point.of(trial, roles.get(candidate, trial.status))
        for candidate, trial in latest(recommendation.trials).items()
    }
    points = {candidate: point for candidate, point in found.items() if point is not None}
    front = [points[each] for each in recommendation.pareto if each in points] if is_marked(recommendation) else []
    title = f"{recommendation.candidate or 'No recommendation'} on {recommendation.hardware_key or 'this machine'}"
    drawn = tradeoff([*points.values()], front, speed="step time", title=title)
    figure = Figure(drawn)
    figure.update_layout(template="plotly_white")
    return figure


def _roles(recommendation: Recommendation) -> dict[Candidate, str]:
    """Return what became of each candidate, in a word."""
    roles: dict[Candidate, str] = {each.candidate: each.status for each in recommendation.rejected}
    roles |= {each.candidate: "alternative" for each in recommendation.alternatives}
    return roles | ({recommendation.candidate: "chosen"} if recommendation.candidate else {})
