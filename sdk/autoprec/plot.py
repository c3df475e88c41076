"""A recommendation as a figure: step time against memory."""

from typing import TYPE_CHECKING

from autoprec.recommendation import Recommendation
from autoprec.rows import latest

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_COLOURS = {"ok": "#1f77b4", "unstable": "#d62728"}


def plot(recommendation: Recommendation) -> "Figure":
    """Return step time with its interval against peak memory, one point a measured candidate; the chosen one is a star.

    Raises:
        ImportError: plotly is not installed; the message says how to get it.
    """
    try:
        from plotly.graph_objects import Figure, Scatter  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise ImportError("plot() needs plotly: pip install 'autoprec[notebook]'") from error
    figure = Figure()
    for candidate, trial in latest(recommendation.trials).items():
        if trial.step_time is None or trial.peak_memory_bytes is None:
            continue
        time = trial.step_time
        figure.add_trace(
            Scatter(
                x=[trial.peak_memory_bytes / 2**20],
                y=[time.median_seconds * 1e3],
                error_y={
                    "array": [(time.high_seconds - time.median_seconds) * 1e3],
                    "arrayminus": [(time.median_seconds - time.low_seconds) * 1e3],
                },
                mode="markers+text",
                text=[str(candidate)],
                textposition="top center",
                marker={
                    "size": 14 if candidate == recommendation.candidate else 9,
                    "symbol": "star" if candidate == recommendation.candidate else "circle",
                    "color": _COLOURS.get(trial.status, "#7f7f7f"),
                },
                hovertext=[trial.reason],
                name=f"{candidate} ({trial.status})",
            ),
        )
    figure.update_layout(
        title=f"{recommendation} on {recommendation.hardware_key}",
        xaxis={"title": "peak memory of a step (MiB)", "rangemode": "tozero"},
        yaxis={"title": "step time (ms), median with 95 % interval", "rangemode": "tozero"},
        template="plotly_white",
    )
    return figure
