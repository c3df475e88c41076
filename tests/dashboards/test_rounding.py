"""How numbers are shown: never more digits than their interval supports."""

import pytest

from autoprec_dashboards.rounding import Told, rounded, told_duration, told_rate, told_ratio
from autoprec_dashboards.words import amount, lapse, moment
from autoprec_runner.trial import StepTime
from autoprec_service.recommendation import Ratio
from autoprec_service.testing import make_step_time, make_trial


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (12.3456, 11.9, 12.8, "12.3"),
        (12.3456, 12.1, 12.6, "12.35"),
        (12.3456, 12.3455, 12.3457, "12.35"),
        (12.3456, 7.0, 17.0, "12"),
        (512.3, 460.0, 540.0, "510"),
        (123456.0, 119000.0, 130000.0, "123,000"),
        (0.01234, 0.0120, 0.0126, "0.01234"),
        (12.3456, 12.3456, 12.3456, "12.3"),
        (float("nan"), 1.0, 2.0, "nan"),
    ],
)
def test_a_number_has_the_digits_that_its_interval_supports(
    value: float, low: float, high: float, expected: str
) -> None:
    assert expected == rounded(value, low, high)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0444, Told(value="44.4 ms", interval="44.0 to 44.8 ms")),
        (2.0, Told(value="2.000 s", interval="1.980 to 2.020 s")),
        (5e-5, Told(value="50.0 µs", interval="49.5 to 50.5 µs")),
    ],
)
def test_a_step_time_says_its_unit_and_its_interval(seconds: float, expected: Told) -> None:
    assert expected == told_duration(make_step_time(seconds))


def test_a_ratio_without_an_interval_has_none() -> None:
    assert Told(value="1.00×") == told_ratio(Ratio(value=1.0, low=1.0, high=1.0))
    assert Told(value="1.68×", interval="1.55 to 1.84×") == told_ratio(Ratio(value=1.68, low=1.55, high=1.84))


def test_throughput_counts_samples_where_there_are_any_and_steps_otherwise() -> None:
    time = StepTime(median_seconds=0.1, low_seconds=0.09, high_seconds=0.11, steps=10)
    assert Told(value="10.0 steps/s", interval="9.1 to 11.1 steps/s") == told_rate(make_trial(step_time=time))
    told = told_rate(make_trial(step_time=time, samples_per_second=1280.0))
    assert Told(value="1,280 samples/s", interval="1,160 to 1,420 samples/s") == told
    assert told_rate(make_trial(seconds=None)) is None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, "–"), (4.2, "4 s"), (90, "2 min"), (5400, "1.5 h"), (86400, "24.0 h"), (400_000, "5 d")],
)
def test_a_lapse_is_told_by_the_unit_that_fits(seconds: float | None, expected: str) -> None:
    assert expected == lapse(seconds)


@pytest.mark.parametrize(
    ("number", "expected"), [(None, "–"), (0, "0"), (999, "999"), (338_250, "338 k"), (7_100_000_000, "7.10 B")]
)
def test_large_numbers_are_short(number: float | None, expected: str) -> None:
    assert expected == amount(number)


def test_a_moment_is_told_in_utc_until_the_browser_knows_better() -> None:
    assert '<time datetime="2025-01-01T12:00:00+00:00">2025-01-01 12:00 UTC</time>' == moment(make_trial().started_at)
