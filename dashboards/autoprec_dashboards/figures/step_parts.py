"""Where the time of a step goes."""

from collections.abc import Sequence

from autoprec_dashboards.figures.figure import Figure, axis, colour, figure
from autoprec_runner.trial import StepParts, Trial

_PARTS = ("data", "forward", "backward", "optimizer")


def step_parts(trials: Sequence[Trial]) -> Figure:
    """Return a stacked bar a candidate: the share of each part in percent."""
    drawn = [(str(each.candidate), each.parts) for each in trials if each.parts]
    traces = [_part(drawn, name, number) for number, name in enumerate(_PARTS)]
    layout = {
        "barmode": "stack",
        "xaxis": axis("share of the parts of a step (%)", range=[0, 100]),
        "yaxis": axis("", autorange="reversed"),
    }
    return figure([each for each in traces if any(each["x"])], layout)


def _part(drawn: Sequence[tuple[str, StepParts]], name: str, number: int) -> Figure:
    return {
        "type": "bar",
        "orientation": "h",
        "y": [candidate for candidate, _ in drawn],
        "x": [100 * parts.shares.get(name, 0.0) for _, parts in drawn],
        "name": name,
        "marker": {"color": colour(number)},
    }
