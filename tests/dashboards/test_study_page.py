"""What is shown of a study, from real records."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from autoprec_dashboards.pages.live import live_study
from autoprec_dashboards.pages.study import replay_command, study_view
from autoprec_runner.study import Constraints, Study
from autoprec_runner.trial import Trial
from autoprec_service.testing import make_study, make_trial

Recorded = Callable[..., tuple[Study, list[Trial]]]


def test_every_candidate_is_a_row_with_its_reason(recorded: Recorded) -> None:
    study, trials = recorded("fp16 overflow")
    view = study_view(study, trials, study.started_at)
    assert {str(each.candidate) for each in trials} == {each.name for each in view.rows}
    assert all(each.note for each in view.rows)
    assert [True] == [each.chosen for each in view.rows if each.badge.word == "chosen"]
    assert "32-true" == view.rows[0].name


def test_what_was_found_unstable_says_so(recorded: Recorded) -> None:
    study, trials = recorded("wide MLP", cores=1)
    rows = {each.name: each for each in study_view(study, trials, study.started_at).rows}
    assert ("unstable", "bad") == (rows["bf16-true"].badge.word, rows["bf16-true"].badge.tone)


def test_there_is_a_figure_for_all_that_was_measured(recorded: Recorded) -> None:
    study, trials = recorded("fp16 overflow")
    found = [each.id for each in study_view(study, trials, study.started_at).panels]
    assert ["tradeoff", "losses", "step-times", "memory", "parts", "loss-scale"] == found


def test_a_study_without_trials_has_neither_rows_nor_figures() -> None:
    view = study_view(make_study(), [], make_study().started_at + timedelta(seconds=5))
    assert ((), (), 5.0) == (view.rows, view.panels, view.took_seconds)
    assert ("32-true", "bf16-mixed") == view.untried


def test_the_command_that_asks_anew_says_everything_that_the_study_was_told() -> None:
    study = make_study(
        objective="memory",
        strategy="fsdp",
        seed=3,
        constraints=Constraints(max_memory_bytes=2**30, tolerance=0.1),
    )
    assert replay_command(study) == (
        "autoprec suggest WORKLOAD --fresh --mode train --objective memory --seed 3 --budget 60 --strategy fsdp "
        "--max-memory 1073741824 --tolerance 0.1"
    )


def live(trials: list[Trial], seconds: float = 15.0, **fields: Any) -> Any:
    study = make_study(**fields)
    return live_study(study, trials, study.started_at + timedelta(seconds=seconds))


def test_a_running_study_shows_how_much_of_its_budget_is_left() -> None:
    view = live([])
    assert (15.0, 45.0, 0.25, False) == (view.elapsed_seconds, view.left_seconds, view.share, view.silent)
    assert ("screen", "now", 0) == view.phases[0]


def test_a_running_study_is_in_the_furthest_phase_that_has_a_trial() -> None:
    view = live([make_trial(phase="sprint"), make_trial("bf16-mixed", phase="race")])
    assert [("screen", "done", 0), ("sprint", "done", 1), ("race", "now", 1), ("verify", "open", 0)] == [*view.phases]
    assert (2, 2) == (view.tried, view.candidates)


def test_a_study_far_beyond_its_budget_is_called_silent() -> None:
    assert live([], seconds=1000.0).silent
