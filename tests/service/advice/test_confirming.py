"""When an answer about a model that was left out counts as right."""

from datetime import UTC, datetime
from typing import Any

import pytest

from autoprec_probe.candidate import Candidate
from autoprec_service.advice.confirming import confirmed
from autoprec_service.outcome import Outcome


def seen(precision: str, speedup: float | None = None, *, stable: bool | None = None, status: str = "ok") -> Outcome:
    fields: dict[str, Any] = {
        "study_id": "a",
        "trial_id": precision,
        "model_fingerprint": "m",
        "workload_key": "w",
        "hardware_key": "here",
        "mode": "train",
        "candidate": Candidate(precision=precision),
        "status": status,
        "stable": stable,
        "speedup": speedup,
        "measured_at": datetime(2025, 1, 1, tzinfo=UTC),
    }
    return Outcome.model_validate(fields)


REFERENCE = seen("32-true", 1.0)


@pytest.mark.parametrize(
    ("answer", "measured", "right"),
    [
        ("bf16-mixed", [REFERENCE, seen("bf16-mixed", 2.0, stable=True)], True),
        ("bf16-mixed", [REFERENCE, seen("bf16-mixed", 2.0, stable=True), seen("bf16-true", 2.1, stable=True)], True),
        ("bf16-mixed", [REFERENCE, seen("bf16-mixed", 2.0, stable=True), seen("bf16-true", 3.0, stable=True)], False),
        ("bf16-mixed", [REFERENCE, seen("bf16-mixed", 2.0, stable=True), seen("bf16-true", 3.0, stable=False)], True),
        ("bf16-mixed", [REFERENCE, seen("bf16-mixed", 2.0, stable=False)], False),
        ("bf16-mixed", [REFERENCE, seen("bf16-mixed", None, status="crashed")], False),
        ("bf16-mixed", [REFERENCE, seen("bf16-mixed", 0.5)], False),
        ("32-true", [REFERENCE, seen("bf16-mixed", 0.9, stable=True)], True),
        ("32-true", [REFERENCE, seen("bf16-mixed", 2.0, stable=True)], False),
        ("32-true", [REFERENCE, seen("bf16-mixed", 2.0)], True),
        ("32-true", [seen("32-true", 1.0, status="unstable", stable=False)], False),
        ("bf16-mixed", [REFERENCE, seen("bf16-mixed", 2.0)], None),
        ("bf16-mixed", [REFERENCE], None),
        ("bf16-mixed", [], None),
    ],
)
def test_an_answer_is_right_where_it_is_stable_and_about_the_fastest(
    answer: str, measured: list[Outcome], right: object
) -> None:
    assert right is confirmed(Candidate(precision=answer), measured)
