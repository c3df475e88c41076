"""The candidates of a recommendation as rows of text, the same for terminal and notebook."""

from dataclasses import dataclass

from autoprec.recommendation import Recommendation
from autoprec_probe.candidate import Candidate
from autoprec_runner.quantities import duration, size
from autoprec_runner.trial import Phase, Trial
from autoprec_service.formatting import ratio
from autoprec_service.recommendation import Ratio, Rejected

_ORDER: tuple[Phase, ...] = ("screen", "sprint", "race", "verify")
_UNKNOWN = "-"
_MARK = " *"
LEGEND = (
    "* On the Pareto front: no candidate that qualifies takes less time without more memory, or the other way round."
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One candidate in words."""

    cells: tuple[str, ...]
    """As many as there are headings."""
    note: str
    """Why it was not chosen, in sentences."""
    chosen: bool
    qualifies: bool


def headings(recommendation: Recommendation) -> tuple[str, ...]:
    """Return the headings; nine of ten predictions are within their range, and 95 % of measurements."""
    share = 90 if recommendation.predictions else 95
    return "candidate", "status", "step time", f"speed-up ({share} %)", "memory"


def rows(recommendation: Recommendation) -> list[Row]:
    """Return a row for every candidate: the chosen one, the alternatives, then the rejected ones."""
    found = []
    if recommendation.candidate is not None:
        found.append(_row(recommendation, recommendation.candidate, "chosen", recommendation.speedup))
    found += [
        _row(recommendation, each.candidate, "alternative", each.speedup, note=each.note)
        for each in recommendation.alternatives
    ]
    found += [
        _row(recommendation, each.candidate, each.status, None, note=_refusal(each)) for each in recommendation.rejected
    ]
    return found


def notes(found: list[Row]) -> dict[str, list[str]]:
    """Return each note with the candidates that it is about: many of them may have the same."""
    about: dict[str, list[str]] = {}
    for row in found:
        if row.note:
            about.setdefault(row.note, []).append(row.cells[0])
    return about


def is_marked(recommendation: Recommendation) -> bool:
    """Return whether time and memory leave a choice, so that the candidates between which it lies are marked."""
    return len(recommendation.pareto) > 1


def latest(trials: tuple[Trial, ...]) -> dict[Candidate, Trial]:
    """Return for each candidate its trial of the latest phase."""
    return {
        trial.candidate: trial for trial in sorted(trials, key=lambda each: (_ORDER.index(each.phase), each.started_at))
    }


def _row(
    recommendation: Recommendation,
    candidate: Candidate,
    status: str,
    speedup: Ratio | None,
    *,
    note: str = "",
) -> Row:
    seconds, memory = _figures(recommendation, candidate)
    chosen = candidate == recommendation.candidate
    return Row(
        cells=(
            str(candidate),
            status + (_MARK if is_marked(recommendation) and candidate in recommendation.pareto else ""),
            duration(seconds) if seconds else _UNKNOWN,
            _ratio(speedup),
            size(memory) if memory else _UNKNOWN,
        ),
        note=note,
        chosen=chosen,
        qualifies=status in {"chosen", "alternative"},
    )


def _figures(recommendation: Recommendation, candidate: Candidate) -> tuple[float | None, float | None]:
    """Return seconds a step and peak memory in bytes, measured or else predicted."""
    trial = latest(recommendation.trials).get(candidate)
    if trial is not None:
        return trial.step_time.median_seconds if trial.step_time else None, trial.peak_memory_bytes
    predicted = next((each for each in recommendation.predictions if each.candidate == candidate), None)
    if predicted is None:
        return None, None
    seconds, memory = predicted.step_seconds, predicted.peak_memory_bytes
    return seconds.value if seconds else None, memory.value if memory else None


def _refusal(refused: Rejected) -> str:
    """Return reason and remedy; of a reason with a traceback, the sentence before it."""
    lines = refused.reason.splitlines() or [""]
    return f"{lines[0]} {refused.remedy}" if refused.remedy else lines[0]


def _ratio(speedup: Ratio | None) -> str:
    if speedup is None:
        return _UNKNOWN
    if speedup.low == speedup.high:
        return f"{ratio(speedup.value)}x"
    return f"{ratio(speedup.value)}x ({ratio(speedup.low)}-{ratio(speedup.high)})"
