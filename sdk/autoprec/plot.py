"""A recommendation as a figure: step time against memory."""

from typing import TYPE_CHECKING, Any

from autoprec.recommendation import Recommendation
from autoprec.rows import is_marked, latest
from autoprec_probe.candidate import Candidate
from autoprec_runner.trial import StepTime, Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure, Scatter

_COLOURS = {"chosen": "#009e73", "alternative": "#0072b2"}
_REJECTED = "#d55e00"
"""The three can be told apart by those who see few colours: https://jfly.uni-koeln.de/color/"""
_LOGARITHMIC_FROM = 20
"""Ratio of the slowest to the fastest step from which a linear axis would squeeze all others together."""


def plot(recommendation: Recommendation) -> "Figure":
    """Return step time with its interval against peak memory, one point a measured candidate; the chosen one is a star.

    Raises:
        ImportError: plotly is not installed; the message says how to get it.
    """
    try:
        from plotly.graph_objects import Figure  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise ImportError("plot() needs plotly: pip install 'autoprec[notebook]'") from error
    measured = {
        candidate: trial
        for candidate, trial in latest(recommendation.trials).items()
        if trial.step_time is not None and trial.peak_memory_bytes is not None
    }
    roles = _roles(recommendation)
    points = [_point(trial, roles.get(candidate, trial.status)) for candidate, trial in measured.items()]
    front = [measured[each] for each in recommendation.pareto if each in measured]
    figure = Figure([*([_front(front)] if is_marked(recommendation) else []), *points])
    figure.update_layout(
        title=f"{recommendation.candidate or 'No recommendation'} on {recommendation.hardware_key or 'this machine'}",
        xaxis={"title": "peak memory of a step (MiB)", "rangemode": "tozero"},
        yaxis={"title": "step time (ms), median with 95 % interval", **_scale([*measured.values()])},
        template="plotly_white",
    )
    return figure


def _roles(recommendation: Recommendation) -> dict[Candidate, str]:
    """Return what became of each candidate, in a word."""
    roles: dict[Candidate, str] = {each.candidate: each.status for each in recommendation.rejected}
    roles |= {each.candidate: "alternative" for each in recommendation.alternatives}
    return roles | ({recommendation.candidate: "chosen"} if recommendation.candidate else {})


def _point(trial: Trial, role: str) -> "Scatter":
    from plotly.graph_objects import Scatter  # noqa: PLC0415 (optional)

    assert trial.step_time is not None, "only measured candidates are drawn"
    assert trial.peak_memory_bytes is not None, "only measured candidates are drawn"
    return Scatter(
        x=[trial.peak_memory_bytes / 2**20],
        y=[trial.step_time.median_seconds * 1e3],
        error_y=_interval(trial.step_time),
        mode="markers+text",
        text=[str(trial.candidate)],
        textposition="top center",
        marker={
            "size": 14 if role == "chosen" else 9,
            "symbol": "star" if role == "chosen" else "circle",
            "color": _COLOURS.get(role, _REJECTED),
        },
        hovertext=[trial.reason],
        name=f"{trial.candidate} ({role})",
    )


def _front(trials: list[Trial]) -> "Scatter":
    """Return the steps between those whom no other candidate beats in time and memory at once."""
    from plotly.graph_objects import Scatter  # noqa: PLC0415 (optional)

    return Scatter(
        x=[(trial.peak_memory_bytes or 0) / 2**20 for trial in trials],
        y=[trial.step_time.median_seconds * 1e3 for trial in trials if trial.step_time],
        mode="lines",
        line={"dash": "dot", "shape": "hv", "color": "#999999"},
        hoverinfo="skip",
        name="Pareto front",
    )


def _interval(time: StepTime) -> dict[str, Any]:
    return {
        "array": [(time.high_seconds - time.median_seconds) * 1e3],
        "arrayminus": [(time.median_seconds - time.low_seconds) * 1e3],
    }


def _scale(trials: list[Trial]) -> dict[str, str]:
    times = [trial.step_time.median_seconds for trial in trials if trial.step_time]
    wide = bool(times) and max(times) >= _LOGARITHMIC_FROM * min(times) > 0
    return {"type": "log"} if wide else {"rangemode": "tozero"}
