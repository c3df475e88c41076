"""Two sides by side."""

import pytest

from autoprec_dashboards.pages.compare import Comparison, compare, versions_of
from autoprec_service.outcome import Outcome
from outcomes import make_outcome


def compared(left: list[Outcome], right: list[Outcome]) -> Comparison:
    return compare(
        left, right, lambda each: each.model_fingerprint, lambda each: f"/ui/models/{each.model_fingerprint}"
    )


@pytest.mark.parametrize(
    ("seconds", "change", "tone"),
    [
        (0.5, "2.0× faster", "good"),
        (1.02, "about the same", "quiet"),
        (2.0, "2.0× slower", "bad"),
        (None, "–", "quiet"),
    ],
)
def test_a_row_says_how_step_times_differ(seconds: float | None, change: str, tone: str) -> None:
    (row,) = compared([make_outcome()], [make_outcome(seconds=seconds)]).rows
    assert (change, tone) == (row.change, row.tone)


def test_only_what_was_measured_on_both_sides_is_compared() -> None:
    left = [make_outcome(), make_outcome("bf16-mixed"), make_outcome(model_fingerprint="other")]
    assert ["32-true"] == [each.precision for each in compared(left, [make_outcome()]).rows]


def test_another_best_and_another_verdict_are_told() -> None:
    left = [make_outcome(), make_outcome("bf16-mixed", seconds=0.5)]
    right = [make_outcome(), make_outcome("bf16-mixed", seconds=0.5, stable=False)]
    found = compared(left, right)
    assert ("model-a: bf16-mixed → 32-true",) == found.best_changed
    assert ("model-a: bf16-mixed is stable → unstable",) == found.verdict_changed


def test_the_mean_is_over_what_qualifies_on_both_sides() -> None:
    left = [make_outcome(), make_outcome("bf16-mixed", seconds=0.5, stable=False)]
    right = [make_outcome(seconds=0.5), make_outcome("bf16-mixed", seconds=0.1)]
    assert "2.0×" == compared(left, right).mean


def test_versions_come_newest_first() -> None:
    outcomes = [
        make_outcome(software={"torch": "2.13.0"}),
        make_outcome(software={"torch": "2.9.0"}, measured_at="2025-01-01T00:00:00Z"),
        make_outcome(software={}),
    ]
    assert ("2.13.0", "2.9.0") == versions_of(outcomes, "torch")
