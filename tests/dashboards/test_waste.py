"""Hours lost to the wrong precision."""

from datetime import timedelta
from typing import Any

import pytest

from autoprec_dashboards.pages.waste import Place, waste_view
from autoprec_service.run import Run
from outcomes import MEASURED_AT, make_outcome

PLACE: Place = ("model-a", "cpu-x86-2c")


def run(precision: str, hours: float = 10.0, **fields: Any) -> Run:
    plain: dict[str, Any] = {
        "id": f"run {precision}",
        "model_fingerprint": PLACE[0],
        "hardware_key": PLACE[1],
        "workload": "a model",
        "precision": precision,
        "mode": "train",
        "started_at": MEASURED_AT,
        "seen_at": MEASURED_AT + timedelta(hours=hours),
    }
    return Run.model_validate(plain | fields)


OUTCOMES = {PLACE: [make_outcome(), make_outcome("bf16-mixed", seconds=0.5), make_outcome("16-true", stable=False)]}


@pytest.mark.parametrize(("precision", "lost"), [("32-true", 5.0), ("bf16-mixed", 0.0), ("64-true", None)])
def test_what_the_best_would_have_saved_is_lost(precision: str, lost: float | None) -> None:
    view = waste_view([run(precision)], OUTCOMES)
    assert (10.0, lost) == (view.rows[0].hours, view.rows[0].lost_hours)
    assert "bf16-mixed" == view.rows[0].best


def test_a_precision_that_was_found_unstable_is_named_so() -> None:
    assert waste_view([run("16-true")], OUTCOMES).rows[0].unstable


def test_only_hours_that_can_be_judged_have_a_share() -> None:
    view = waste_view([run("32-true"), run("64-true", hours=90.0)], OUTCOMES)
    assert (100.0, 10.0, 5.0, 0.5) == (view.hours, view.judged_hours, view.lost_hours, view.share)
    assert waste_view([run("64-true")], {}).share is None


def test_runs_of_a_kind_are_one_row_and_the_most_lost_comes_first() -> None:
    view = waste_view([run("bf16-mixed"), run("32-true"), run("32-true", id="another")], OUTCOMES)
    assert [("32-true", 2), ("bf16-mixed", 1)] == [(each.precision, each.runs) for each in view.rows]


def test_a_run_that_has_ended_counts_until_then() -> None:
    ended = MEASURED_AT + timedelta(hours=2)
    assert 2.0 == waste_view([run("32-true", ended_at=ended)], OUTCOMES).hours
