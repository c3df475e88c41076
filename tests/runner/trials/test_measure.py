import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoprec_runner.trials.measure import equal, is_stationary, separated, step_time, warmup_steps, without_drift

SECONDS = st.floats(min_value=1e-6, max_value=100.0)


def noisy(median: float, steps: int, *, seed: int = 0, spread: float = 0.02) -> list[float]:
    return list(median * np.random.default_rng(seed).normal(1, spread, steps))


@pytest.mark.parametrize("slow", [3, 5, 20])
def test_slow_first_steps_are_dropped_and_a_steady_part_is_kept(slow: int) -> None:
    series = [0.5 / (place + 1) + 0.1 for place in range(slow)] + noisy(0.01, 200)
    assert slow <= warmup_steps(series) < len(series) / 2
    assert is_stationary(series)


def test_a_steady_series_loses_nothing() -> None:
    assert warmup_steps([0.01] * 100) == 0


def test_a_series_that_still_falls_is_not_stationary() -> None:
    assert not is_stationary([1 / (place + 1) for place in range(40)])


def test_one_disturbed_step_is_no_warm_up() -> None:
    series = [0.01] * 100
    series[3] = 5.0
    assert warmup_steps(series) == 0


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_too_few_steps_are_all_kept_and_never_called_stationary(steps: int) -> None:
    assert warmup_steps([0.01] * steps) == 0
    assert not is_stationary([0.01] * steps)


@given(st.lists(SECONDS, max_size=120))
def test_at_most_half_of_any_series_is_dropped(series: list[float]) -> None:
    assert 0 <= warmup_steps(series) <= len(series) / 2


@given(st.lists(st.lists(SECONDS, min_size=1, max_size=8), min_size=1, max_size=12))
def test_the_interval_holds_the_median_of_any_rounds_and_is_always_the_same(rounds: list[list[float]]) -> None:
    time = step_time(rounds)
    everything = [second for each in rounds for second in each]
    assert min(everything) <= time.low_seconds <= time.median_seconds <= time.high_seconds <= max(everything)
    assert len(everything) == time.steps
    assert time == step_time(rounds)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(100):
        time = step_time([noisy(1.0, 40, seed=seed, spread=0.1)])
        covered += time.low_seconds <= 1.0 <= time.high_seconds
    assert 85 <= covered <= 100


def test_more_steps_narrow_the_interval() -> None:
    few, many = (step_time([noisy(1.0, steps, spread=0.1)]) for steps in (20, 500))
    assert many.high_seconds - many.low_seconds < few.high_seconds - few.low_seconds


def test_rounds_that_disagree_widen_the_interval_more_than_their_steps_show() -> None:
    rounds = [noisy(1.0 + 0.2 * (place % 2), 50, seed=place) for place in range(6)]
    pooled = step_time([[second for each in rounds for second in each]])
    clustered = step_time(rounds)
    assert clustered.high_seconds - clustered.low_seconds >= pooled.high_seconds - pooled.low_seconds


def test_contenders_that_differ_are_separated_though_the_machine_drifts() -> None:
    drift = [1.0 + 0.3 * place for place in range(8)]
    fast = [noisy(1.0 * each, 10, seed=place) for place, each in enumerate(drift)]
    slow = [noisy(1.1 * each, 10, seed=place + 50) for place, each in enumerate(drift)]
    assert separated(fast, slow)
    assert separated(slow, fast)


def test_equal_contenders_are_not_separated() -> None:
    one, other = ([noisy(1.0, 10, seed=place + start) for place in range(8)] for start in (0, 100))
    assert not separated(one, other)


def test_few_rounds_separate_nobody() -> None:
    assert not separated([[1.0]] * 3, [[9.0]] * 3)


def test_a_single_step_has_itself_as_its_interval() -> None:
    time = step_time([[0.25]])
    assert (0.25, 0.25, 0.25, 1) == (time.low_seconds, time.median_seconds, time.high_seconds, time.steps)
    assert not math.isnan(time.low_seconds)


def test_the_distribution_goes_from_the_shortest_step_over_each_twentieth_to_the_longest() -> None:
    seconds = [float(each) for each in range(1, 102)]
    time = step_time([seconds[50:], seconds[:50]])
    assert (21, 1.0, 101.0) == (len(time.quantiles_seconds), time.quantiles_seconds[0], time.quantiles_seconds[-1])
    assert time.median_seconds == time.quantiles_seconds[10]
    assert sorted(time.quantiles_seconds) == [*time.quantiles_seconds]


def test_too_few_steps_for_quartiles_have_no_distribution() -> None:
    assert () == step_time([[1.0, 2.0], [3.0, 4.0]]).quantiles_seconds


def test_who_is_within_two_percent_for_sure_is_equal() -> None:
    one, near, far = ([noisy(median, 20, seed=place) for place in range(8)] for median in (1.0, 1.005, 1.05))
    assert equal(one, near)
    assert not equal(one, far)


def test_what_is_uncertain_is_neither_equal_nor_apart() -> None:
    one = [noisy(1.0, 20, seed=place) for place in range(8)]
    unsteady = [noisy(median, 20, seed=9) for median in (1.0, 1.08, 0.94, 1.06, 0.95, 1.07, 1.0, 0.93)]
    assert not equal(one, unsteady)
    assert not separated(one, unsteady)
    assert not equal([[1.0]] * 3, [[1.0]] * 3)


DRIFT = [1.0, 1.6, 0.9, 1.0, 2.0, 1.0, 1.1, 1.0]


def drifting(median: float, seed: int) -> list[list[float]]:
    return [noisy(median * drift, 20, seed=10 * seed + place) for place, drift in enumerate(DRIFT)]


def test_what_slows_whole_rounds_down_is_taken_out_of_them() -> None:
    race = [drifting(1.0, 0), drifting(1.1, 1), drifting(1.3, 2)]
    times = [step_time(rounds) for rounds in without_drift(race)]
    assert [1.0, 1.1, 1.3] == pytest.approx([each.median_seconds for each in times], rel=0.03)
    assert all(each.high_seconds < 1.03 * each.low_seconds for each in times)
    assert step_time(race[0]).high_seconds > 1.03 * step_time(race[0]).low_seconds


def test_noise_that_hits_one_alone_stays_in_its_interval() -> None:
    alone = [noisy(median, 20, seed=place) for place, median in enumerate(DRIFT)]
    steady = [noisy(1.0, 20, seed=20 + place) for place in range(len(DRIFT))]
    raw, clean = step_time(alone), step_time(without_drift([alone, steady])[0])
    assert clean.high_seconds - clean.low_seconds > 0.5 * (raw.high_seconds - raw.low_seconds)


def test_rounds_of_one_contender_alone_stay_as_they_are() -> None:
    assert [[[1.0, 2.0], [3.0]]] == without_drift([[[1.0, 2.0], [3.0]]])
    short, long = without_drift([[[1.0]], [[2.0], [5.0]]])
    assert [[1.0]] == [pytest.approx(each) for each in short]
    assert [[2.0], [5.0]] == [pytest.approx(each) for each in long]
    assert [] == without_drift([])
