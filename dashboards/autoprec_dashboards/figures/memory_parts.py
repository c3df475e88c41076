"""What the peak memory of each candidate consists of."""

from collections.abc import Sequence

from autoprec_dashboards.figures.figure import Figure, axis, colour, figure
from autoprec_runner.trial import MemoryParts, Trial

_PARTS = (
    ("weights", "weights_bytes"),
    ("gradients", "gradients_bytes"),
    ("optimizer state", "optimizer_bytes"),
    ("activations and the rest", "rest_bytes"),
)


def memory_parts(trials: Sequence[Trial]) -> Figure:
    """Return a stacked bar a candidate, in MiB."""
    drawn = [(str(each.candidate), each.memory_parts) for each in trials if each.memory_parts]
    traces = [_part(drawn, name, field, number) for number, (name, field) in enumerate(_PARTS)]
    layout = {"barmode": "stack", "xaxis": axis("peak memory (MiB)"), "yaxis": axis("", autorange="reversed")}
    return figure([each for each in traces if any(each["x"])], layout)


def _part(drawn: Sequence[tuple[str, MemoryParts]], name: str, field: str, number: int) -> Figure:
    return {
        "type": "bar",
        "orientation": "h",
        "y": [candidate for candidate, _ in drawn],
        "x": [(getattr(parts, field) or 0) / 2**20 for _, parts in drawn],
        "name": name,
        "marker": {"color": colour(number)},
    }
