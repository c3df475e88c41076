"""The candidates of a recommendation as rows of text, the same for terminal and notebook."""

from dataclasses import dataclass

from autoprec.recommendation import Recommendation
from autoprec_probe.candidate import Candidate
from autoprec_runner.quantities import duration, figure, size
from autoprec_runner.trial import Phase, Trial
from autoprec_service.recommendation import Ratio

HEADINGS = ("candidate", "status", "step time", "speed-up (95 %)", "memory")
_ORDER: tuple[Phase, ...] = ("screen", "sprint", "race", "verify")
_UNKNOWN = "-"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One candidate in words."""

    cells: tuple[str, ...]
    """As many as there are headings."""
    note: str
    """Why it was not chosen, in sentences."""
    chosen: bool
    qualifies: bool


def rows(recommendation: Recommendation) -> list[Row]:
    """Return a row for every candidate: the chosen one, the alternatives, then the rejected ones."""
    found = []
    if recommendation.candidate is not None:
        found.append(_row(recommendation, recommendation.candidate, "chosen", recommendation.speedup))
    found += [
        _row(recommendation, each.candidate, "alternative", each.speedup, note=each.note)
        for each in recommendation.alternatives
    ]
    for refused in recommendation.rejected:
        why = refused.reason if refused.remedy is None else f"{refused.reason} {refused.remedy}"
        found.append(_row(recommendation, refused.candidate, refused.status, None, note=why))
    return found


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
    trial = latest(recommendation.trials).get(candidate)
    chosen = candidate == recommendation.candidate
    return Row(
        cells=(
            str(candidate),
            status,
            _time(trial),
            _ratio(speedup),
            size(trial.peak_memory_bytes) if trial and trial.peak_memory_bytes else _UNKNOWN,
        ),
        note=note.splitlines()[0] if note else "",
        chosen=chosen,
        qualifies=status in {"chosen", "alternative"},
    )


def _time(trial: Trial | None) -> str:
    return duration(trial.step_time.median_seconds) if trial and trial.step_time else _UNKNOWN


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return _UNKNOWN
    if ratio.low == ratio.high:
        return f"{figure(ratio.value)}x"
    return f"{figure(ratio.value)}x ({figure(ratio.low)}-{figure(ratio.high)})"
