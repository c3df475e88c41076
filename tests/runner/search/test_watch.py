"""What is seen of a machine while contenders race."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from autoprec_probe import Candidate, DeviceTelemetry, Support
from autoprec_probe.testing import FakeReader
from autoprec_runner.isolation.neighbours import CoreTimes, others_busy_cores
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.watch import Watch
from autoprec_runner.trials.energy import RoundEnergy
from autoprec_runner.trials.evidence import Evidence

if TYPE_CHECKING:
    from autoprec_runner.trials.session import TrialSession


@dataclass(frozen=True, kw_only=True)
class Changing(FakeReader):
    """A machine whose devices tell something new whenever they are asked."""

    readings: Iterator[Sequence[DeviceTelemetry]]

    def nvml_telemetry(self) -> tuple[DeviceTelemetry, ...]:
        return tuple(next(self.readings))


def device(index: int = 0, **told: Any) -> DeviceTelemetry:
    return DeviceTelemetry(kind="cuda", index=index, vendor="NVIDIA", **told)


def watch(*readings: Sequence[DeviceTelemetry], devices: int = 1) -> Watch:
    return Watch(reader=Changing(readings=iter(readings)), device="cuda", devices=devices)


def test_the_worst_of_each_kind_is_kept() -> None:
    seen = watch(
        [device(compute_clock_mhz=1980, temperature_celsius=50, throttle_reasons=(), processes=2)],
        [device(compute_clock_mhz=1200, temperature_celsius=84, throttle_reasons=("hw-slowdown",), processes=3)],
    )
    seen.look(own_processes=2)
    seen.look(own_processes=2)
    conditions = seen.conditions()
    expected = {
        "race_device_clock_mhz": 1200,
        "race_device_temperature_celsius": 84.0,
        "race_device_throttled": "hw-slowdown",
        "race_foreign_processes": 1,
    }
    assert expected == {name: conditions[name] for name in expected}


def test_devices_that_take_no_part_are_passed_over() -> None:
    seen = watch([device(temperature_celsius=50), device(1, temperature_celsius=90)])
    seen.look()
    assert 50 == seen.conditions()["race_device_temperature_celsius"]


def test_what_a_driver_does_not_tell_is_left_out() -> None:
    seen = watch([device()])
    seen.look()
    assert {"race_other_busy_cores"} >= seen.conditions().keys()


@pytest.mark.parametrize(
    ("before", "after", "devices", "expected"),
    [
        ([10.0], [14.0], 1, [4.0]),
        ([10.0, 20.0], [14.0, 21.0], 2, [5.0]),
        ([10.0, None], [14.0, None], 2, []),
        ([None], [None], 1, []),
    ],
)
def test_a_round_takes_what_its_devices_took(
    before: list[float | None], after: list[float | None], devices: int, expected: list[float]
) -> None:
    readings = [[device(index, energy_joules=each) for index, each in enumerate(told)] for told in (before, after)]
    session: Any = SimpleNamespace(evidence=Evidence(steps=10))
    support = Support(candidate=Candidate(precision="32-true"), level="native", reason="a contender of a test")
    contender = Contender(support=support, session=cast("TrialSession", session))
    with watch(*readings, devices=devices).metering(contender):
        session.evidence.steps += 6
    assert [RoundEnergy(joules=each, steps=6, meter="nvml") for each in expected] == contender.energy


def test_others_are_busy_with_what_we_did_not_do() -> None:
    before = CoreTimes(at_seconds=0.0, all_seconds=100.0, own_seconds=10.0)
    after = CoreTimes(at_seconds=2.0, all_seconds=104.0, own_seconds=11.0)
    assert 1.5 == others_busy_cores(before, after)
    assert others_busy_cores(before, before) is None


def test_times_of_this_process_never_run_backwards() -> None:
    before, after = CoreTimes.now(), CoreTimes.now()
    assert before.all_seconds <= after.all_seconds
    assert before.at_seconds <= after.at_seconds
