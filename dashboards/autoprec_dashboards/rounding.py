"""Numbers with the digits that their interval supports."""

import math
from dataclasses import dataclass

from autoprec_runner.quantities import figure
from autoprec_runner.trial import StepTime, Trial
from autoprec_service.recommendation import Ratio

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_MOST_DIGITS = 4
_TWO_DIGITS_BELOW = 3.55


@dataclass(frozen=True, kw_only=True)
class Told:
    """A figure as it is shown: its value with its unit, and its interval where there is one."""

    value: str
    interval: str = ""


def rounded(value: float, low: float, high: float) -> str:
    """Return a number with the digits that its interval supports: 12.345 within 11.5 and 13.2 is `12.3`.

    Half the interval is what is uncertain: two digits of it count if it begins with 1 to 3.5, else one (the rule of the
    Particle Data Group, https://pdg.lbl.gov/2024/reviews/rpp2024-rev-rpp-intro.pdf, section 5.3). At most four
    significant digits are kept, and three where there is no interval.
    """
    half = (high - low) / 2
    if not (half > 0 and math.isfinite(half) and math.isfinite(value)):
        return figure(value)
    return _at(value, _decimals(value, half))


def told_duration(time: StepTime) -> Told:
    """Return a step time with its 95 % interval."""
    scale, unit = next(((each, name) for each, name in _UNITS if time.median_seconds >= each), _UNITS[-1])
    return _told(time.median_seconds / scale, time.low_seconds / scale, time.high_seconds / scale, f" {unit}")


def told_ratio(ratio: Ratio) -> Told:
    """Return a ratio with its interval, such as `1.83×` and `1.79 to 1.88`."""
    return _told(ratio.value, ratio.low, ratio.high, "×")


def told_rate(trial: Trial) -> Told | None:
    """Return the throughput of a trial with its 95 % interval, by the unit that counts its work best."""
    time = trial.step_time
    if time is None or not time.low_seconds > 0:
        return None
    unit, rate = "steps/s", 1 / time.median_seconds
    if trial.samples_per_second:
        unit, rate = "samples/s", trial.samples_per_second
    work = rate * time.median_seconds
    return _told(rate, work / time.high_seconds, work / time.low_seconds, f" {unit}")


def _told(value: float, low: float, high: float, unit: str) -> Told:
    half = (high - low) / 2
    if not (half > 0 and math.isfinite(half)):
        return Told(value=f"{figure(value)}{unit}")
    decimals = _decimals(value, half)
    return Told(value=f"{_at(value, decimals)}{unit}", interval=f"{_at(low, decimals)} to {_at(high, decimals)}{unit}")


def _decimals(value: float, half: float) -> int:
    """Return how many digits behind the point are worth showing; negative to round to tens and hundreds."""
    most = _MOST_DIGITS - 1 - math.floor(math.log10(abs(value))) if value else _MOST_DIGITS
    magnitude = math.floor(math.log10(half))
    return min((1 if half * 10.0**-magnitude < _TWO_DIGITS_BELOW else 0) - magnitude, most)


def _at(value: float, decimals: int) -> str:
    return f"{round(value, decimals):,.{max(0, decimals)}f}"
