"""Figures made of real trials: what is drawn, in which unit, and what is left out."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from autoprec_dashboards.figures import (
    Figure,
    Point,
    calibration,
    loss_scales,
    losses,
    memory_parts,
    step_parts,
    step_times,
    tradeoff,
)
from autoprec_dashboards.figures.calibration import Bin
from autoprec_runner.trial import MemoryParts, StepParts, Trial
from autoprec_service.testing import make_stability, make_trial

Recorded = Callable[..., tuple[Any, list[Trial]]]


def named(figure: Figure) -> dict[str, Figure]:
    return {trace["name"]: trace for trace in figure["data"] if "name" in trace}


def points(*trials: Trial) -> list[Point]:
    return [point for each in trials if (point := Point.of(each, "alternative"))]


def test_throughput_is_drawn_with_its_interval_against_memory() -> None:
    trial = make_trial(seconds=0.5, spread=0.5, memory=2**20, samples_per_second=64.0)
    drawn = tradeoff(points(trial), [], speed="throughput")
    (trace,) = drawn["data"]
    assert ([1.0], [64.0]) == (trace["x"], trace["y"])
    assert pytest.approx([64.0]) == trace["error_y"]["array"]
    assert pytest.approx([64.0 / 3]) == trace["error_y"]["arrayminus"]
    assert "throughput (samples/s)" == drawn["layout"]["yaxis"]["title"]["text"]
    assert "peak memory of a step (MiB)" == drawn["layout"]["xaxis"]["title"]["text"]


def test_a_candidate_without_time_or_memory_is_not_drawn() -> None:
    assert [] == points(make_trial(seconds=None), make_trial(memory=None))


def test_the_front_joins_those_whom_none_beats_by_their_memory() -> None:
    found = points(make_trial(memory=3 * 2**20), make_trial("bf16-mixed", memory=2**20))
    drawn = tradeoff(found, found, speed="step time")
    assert [1.0, 3.0] == named(drawn)["Pareto front"]["x"]


def test_losses_stand_beside_those_of_the_reference_and_its_band(recorded: Recorded) -> None:
    _, trials = recorded("wide MLP", cores=1)
    reference, other = (each for each in trials if each.phase == "verify")
    drawn = named(losses(reference, [other]))
    assert {"32-true", "bf16-true"} < drawn.keys()
    assert other.stability is not None
    assert other.stability.allowed is not None
    (band,) = drawn.keys() - {"32-true", "bf16-true"}
    lowest = reference.losses[0] - other.stability.allowed * abs(reference.losses[0])
    assert pytest.approx(lowest) == drawn[band]["y"][0]


def test_without_a_tolerance_there_is_no_band() -> None:
    drawn = losses(make_trial(losses=(2.0, 1.0)), [make_trial("bf16-mixed", verdict=None, losses=(2.0, 1.1))])
    assert {"32-true", "bf16-mixed"} == named(drawn).keys()


def test_what_is_not_finite_is_a_gap_that_json_can_hold() -> None:
    drawn = losses(None, [make_trial(losses=(1.0, math.nan, math.inf, 2.0))])
    assert [1.0, None, None, 2.0] == named(drawn)["32-true"]["y"]
    json.dumps(drawn, allow_nan=False)


def test_a_box_shows_the_recorded_quantiles_in_milliseconds(recorded: Recorded) -> None:
    _, trials = recorded("tiny MLP")
    trial = next(each for each in trials if each.phase == "race")
    assert trial.step_time is not None
    (box,) = step_times([trial])["data"]
    assert pytest.approx([1e3 * trial.step_time.quantiles_seconds[10]]) == box["median"]
    assert pytest.approx([1e3 * trial.step_time.median_seconds]) == box["median"]
    assert box["lowerfence"][0] <= box["q1"][0] <= box["q3"][0] <= box["upperfence"][0]


def test_trials_without_a_distribution_have_no_box() -> None:
    assert [] == step_times([make_trial()])["data"]


def test_the_scale_is_drawn_step_by_step() -> None:
    drawn = loss_scales([make_trial("16-mixed", loss_scales=(65536.0, 32768.0)), make_trial()])
    assert ["16-mixed"] == [*named(drawn)]
    assert ([1, 2], [65536.0, 32768.0]) == (drawn["data"][0]["x"], drawn["data"][0]["y"])


def test_memory_parts_add_up_to_the_peak() -> None:
    parts = MemoryParts(weights_bytes=2**20, gradients_bytes=2**20, optimizer_bytes=2**21, rest_bytes=2**22)
    drawn = memory_parts([make_trial(memory=2**23, memory_parts=parts)])
    assert 8.0 == sum(trace["x"][0] for trace in drawn["data"])


def test_parts_that_nobody_has_are_left_out() -> None:
    assert ["weights"] == [*named(memory_parts([make_trial(memory_parts=MemoryParts(weights_bytes=1, rest_bytes=0))]))]
    inference = StepParts(move_seconds=0.1, forward_seconds=0.3, steps=5)
    assert {"data": 25.0, "forward": 75.0} == {
        name: pytest.approx(trace["x"][0]) for name, trace in named(step_parts([make_trial(parts=inference)])).items()
    }


def test_calibration_holds_what_was_said_against_what_came_true() -> None:
    drawn = named(calibration([Bin(confidence=0.9, answers=10, confirmed=8)]))
    assert ([90.0], [80.0], ["8 of 10"]) == tuple(drawn["answers"][each] for each in ("x", "y", "text"))


def test_every_figure_of_real_trials_is_taken_by_plotly(recorded: Recorded) -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")
    _, trials = recorded("fp16 overflow")
    stable = [each.model_copy(update={"stability": make_stability()}) for each in trials]
    drawn = (
        tradeoff(points(*trials), points(*trials), speed="throughput"),
        losses(stable[0], stable[1:]),
        step_times(trials),
        loss_scales(trials),
        memory_parts(trials),
        step_parts(trials),
        calibration([Bin(confidence=0.5, answers=4, confirmed=2)]),
    )
    for each in drawn:
        assert each["data"]
        assert len(each["data"]) == len(graph_objects.Figure(each).data)
