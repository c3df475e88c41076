"""What later trials say of answers."""

from datetime import timedelta
from typing import Any

import pytest

from autoprec_dashboards.pages.trust import judge, stale_rows, trust_view
from autoprec_service.asked import AskedRecommendation
from autoprec_service.outcome import Outcome
from outcomes import MEASURED_AT, make_outcome

PLACE = ("model-a", "cpu-x86-2c")


def answer(precision: str | None = "bf16-mixed", **fields: Any) -> AskedRecommendation:
    plain: dict[str, Any] = {
        "id": f"answer {precision}",
        "asked_at": MEASURED_AT - timedelta(days=1),
        "question": {},
        "precision": precision,
        "basis": "transferred",
        "confidence": 0.7,
        "model_fingerprint": PLACE[0],
        "hardware_key": PLACE[1],
        "mode": "train",
    }
    return AskedRecommendation.model_validate(plain | fields)


MIXED = make_outcome("bf16-mixed", seconds=0.5)


@pytest.mark.parametrize(
    ("outcomes", "verdict", "why"),
    [
        ([], "open", "nothing was measured since"),
        ([make_outcome()], "open", "bf16-mixed was not tried since"),
        ([make_outcome(), MIXED], "confirmed", "it was the best"),
        ([MIXED, make_outcome("bf16-true", seconds=0.48)], "confirmed", "within 10 % of bf16-true"),
        ([MIXED, make_outcome("bf16-true", seconds=0.25)], "refuted", "bf16-true was 2× as fast"),
        ([make_outcome("bf16-mixed", stable=False)], "refuted", "bf16-mixed was unstable"),
        ([make_outcome("bf16-mixed", status="oom")], "refuted", "bf16-mixed was oom"),
        ([make_outcome("bf16-mixed", stable=None)], "open", "bf16-mixed ran and was not verified"),
    ],
)
def test_an_answer_is_held_against_later_trials(outcomes: list[Outcome], verdict: str, why: str) -> None:
    assert (verdict, why) == judge(answer(), outcomes)


def test_trials_from_before_the_question_confirm_nothing() -> None:
    assert ("open", "nothing was measured since") == judge(answer(asked_at=MEASURED_AT), [MIXED])


def test_trials_of_another_mode_confirm_nothing() -> None:
    assert ("open", "nothing was measured since") == judge(answer(mode="inference"), [MIXED])


def test_answers_are_counted_by_basis_and_by_confidence() -> None:
    asked = [answer(), answer(basis="measured", confidence=0.95), answer("32-true"), answer(None, basis=None)]
    view = trust_view(asked, {PLACE: [make_outcome(), MIXED]})
    assert (2, 1, 1) == (view.confirmed, view.refuted, view.abstained)
    assert [("transferred", 2, 0.5), ("measured", 1, 1.0)] == [
        (each.basis, each.answers, each.share) for each in view.bases
    ]
    assert [(2, 1), (1, 1)] == [(each.answers, each.confirmed) for each in view.bins]
    assert pytest.approx([0.7, 0.95]) == [each.confidence for each in view.bins]


def test_answers_that_nothing_judges_are_in_no_bin() -> None:
    view = trust_view([answer()], {})
    assert ((), None) == (view.bins, view.bases[0].share)


def test_evidence_under_older_software_is_stale() -> None:
    old = make_outcome(software={"torch": "2.9.0"}, measured_at=MEASURED_AT - timedelta(days=9))
    (row,) = stale_rows(
        {"cpu": [old, make_outcome(), make_outcome(software={})], "unknown": [make_outcome(software={})]}
    )
    assert ("cpu", "2.13.0", "2.9.0", 1, 2) == (row.hardware_key, row.current, row.oldest, row.outdated, row.outcomes)
