"""How the steps of each candidate are distributed."""

from collections.abc import Sequence

from autoprec_dashboards.figures.figure import Figure, axis, colour, figure
from autoprec_runner.trial import Trial

_FIFTH, _QUARTER, _HALF, _THREE_QUARTERS, _NINETY_FIFTH = 1, 5, 10, 15, 19
"""Which of the 21 recorded quantiles these are."""
_LOGARITHMIC_FROM = 20


def step_times(trials: Sequence[Trial]) -> Figure:
    """Return a box a candidate, in ms: quartiles, whiskers from the 5th to the 95th percentile.

    Trials whose steps were too few to tell a distribution are left out.
    """
    drawn = [each for each in trials if each.step_time and each.step_time.quantiles_seconds]
    medians = [each.step_time.median_seconds for each in drawn if each.step_time]
    wide = bool(medians) and max(medians) >= _LOGARITHMIC_FROM * min(medians)
    return figure(
        [_box(each, number) for number, each in enumerate(drawn)],
        {
            "xaxis": axis("step time (ms)", **({"type": "log"} if wide else {"rangemode": "tozero"})),
            "yaxis": axis("", autorange="reversed"),
            "showlegend": False,
        },
    )


def _box(trial: Trial, number: int) -> Figure:
    assert trial.step_time is not None, "only trials with a distribution are drawn"
    at = [1e3 * each for each in trial.step_time.quantiles_seconds]
    return {
        "type": "box",
        "orientation": "h",
        "y": [str(trial.candidate)],
        "lowerfence": [at[_FIFTH]],
        "q1": [at[_QUARTER]],
        "median": [at[_HALF]],
        "q3": [at[_THREE_QUARTERS]],
        "upperfence": [at[_NINETY_FIFTH]],
        "name": str(trial.candidate),
        "marker": {"color": colour(number)},
    }
