"""What a study measures beside the step time, on real steps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from autoprec_probe import Candidate, HardwareProfile, Reader
from autoprec_probe.testing import FakeReader
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.search.conduct import conduct
from autoprec_runner.search.question import Question
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Check, Objective, Phase, Trial
from autoprec_runner.workload.factory import FactorySource
from autoprec_service.policy import preference, recommend
from autoprec_service.recommendation import Recommendation
from autoprec_service.store import Store

Ask = Callable[..., "Found"]
BUDGET_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Found:
    trials: tuple[Trial, ...]
    answer: Recommendation

    def of(self, precision: str, phase: Phase) -> Trial:
        return next(each for each in self.trials if (each.candidate.precision, each.phase) == (precision, phase))

    def check(self, precision: str, name: str) -> Check:
        stability = self.of(precision, "verify").stability
        assert stability is not None
        return {each.id: each for each in stability.checks}[name]


@pytest.fixture
def ask(ledger: Store, profile: HardwareProfile) -> Ask:
    shared_forkserver().is_ready_within(60)

    def asked(
        factory: str,
        *precisions: str,
        objective: Objective = "throughput",
        reader: Reader | None = None,
        **options: Any,
    ) -> Found:
        question = Question(
            source=FactorySource(f"{Path(__file__).with_name('measurable.py')}:{factory}").to_json(),
            profile=profile,
            device="cpu",
            candidates=tuple(Candidate(precision=each) for each in precisions),
            budget_seconds=BUDGET_SECONDS,
            objective=objective,
            **options,
        )
        trials = conduct(question, ledger, preference, reader=reader).trials
        return Found(trials=trials, answer=recommend(trials, objective=objective, constraints=question.constraints))

    return asked


@dataclass(frozen=True, kw_only=True)
class Metered(FakeReader):
    """A machine that has used another joule whenever it is asked."""

    ticks: Iterator[int] = field(default_factory=count)

    def read_text(self, path: str) -> str | None:
        return f"{next(self.ticks)}000000\n" if path.endswith("energy_uj") else super().read_text(path)


ZONE = "/sys/class/powercap/intel-rapl:0"
METERED = {
    f"{ZONE}/name": "package-0\n",
    f"{ZONE}/energy_uj": "0\n",
    f"{ZONE}/max_energy_range_uj": "262143328850\n",
}


def test_the_parts_of_a_training_step_and_of_its_memory_are_recorded(ask: Ask) -> None:
    trial = ask("plain").of("32-true", "verify")
    assert trial.parts is not None
    assert {"data", "forward", "backward", "optimizer"} == trial.parts.shares.keys()
    assert all(share >= 0 for share in trial.parts.shares.values())
    assert trial.parts.operations is not None
    assert trial.parts.operations > 10
    assert trial.memory_parts is not None
    numbers = 64 * 512 + 512 + 512 * 64 + 64
    assert (4 * numbers, 4 * numbers) == (trial.memory_parts.weights_bytes, trial.memory_parts.gradients_bytes)
    assert trial.memory_parts.optimizer_bytes == pytest.approx(8 * numbers, rel=0.01)  # AdamW has two moments


def test_memory_that_grows_in_one_precision_is_told_of_it(ask: Ask) -> None:
    check = ask("leaks_in_half", "bf16-mixed").check("bf16-mixed", "memory-slope")
    assert "warning" == check.verdict
    assert check.value == pytest.approx(4 * 2**17, rel=0.2)


def test_memory_that_does_not_grow_is_good(ask: Ask) -> None:
    assert "good" == ask("leaks_in_fp16", "bf16-mixed").check("bf16-mixed", "memory-slope").verdict


def test_a_step_that_waits_for_its_data_is_input_bound(ask: Ask) -> None:
    found = ask("starves")
    parts = found.of("32-true", "race").parts
    assert parts is not None
    assert "input-bound" == parts.bottleneck
    assert any("input-bound" in each for each in found.answer.reasons)


def test_a_step_of_many_tiny_operations_is_launch_bound(ask: Ask) -> None:
    found = ask("starts_much")
    parts = found.of("32-true", "race").parts
    assert parts is not None
    assert "launch-bound" == parts.bottleneck
    assert any("launch-bound" in each for each in found.answer.reasons)


def test_energy_decides_where_a_meter_tells(ask: Ask) -> None:
    found = ask("plain", objective="energy", reader=Metered(files=METERED))
    trial = found.of("32-true", "race")
    assert trial.energy is not None
    assert ("rapl", trial.energy.joules_per_sample) == (trial.energy.meter, trial.energy_joules_per_sample)
    assert "32-true" == found.answer.precision
    assert any("J a sample" in each for each in found.answer.reasons)


def test_without_a_meter_nothing_stands_in_for_energy(ask: Ask) -> None:
    found = ask("plain", objective="energy", reader=FakeReader())
    assert found.of("32-true", "race").energy_joules_per_sample is None
    assert found.answer.precision is None
    assert "No trial has measured energy" in found.answer.reasons[0]


def test_what_the_machine_was_like_during_the_race_is_recorded(ask: Ask) -> None:
    cpu = "/sys/devices/system/cpu/cpu0"
    reader = FakeReader(
        files={
            "/proc/loadavg": "1.50 0.75 0.30 2/345 6789\n",
            f"{cpu}/cpufreq/scaling_cur_freq": "2400000\n",
            f"{cpu}/thermal_throttle/package_throttle_count": "7\n",
        },
    )
    conditions = ask("plain", reader=reader).of("32-true", "race").conditions
    expected = {"race_load_average_1min": 1.5, "race_cpu_clock_mhz": 2400.0, "race_cpu_throttled": 0}
    assert expected == {name: conditions[name] for name in expected}
    assert "race_other_busy_cores" in conditions


def test_under_time_to_loss_who_follows_the_reference_in_less_time_wins(ask: Ask) -> None:
    found = ask("leaks_in_fp16", "bf16-mixed", objective="time-to-loss")
    assert "bf16-mixed" == found.answer.precision
    assert any("for a reference step's progress" in each for each in found.answer.reasons)


def test_the_largest_batch_of_each_contender_keeps_within_max_memory(ask: Ask) -> None:
    limit = 32 * 2**20
    found = ask("plain", batch_size="max", constraints=Constraints(max_memory_bytes=limit))
    largest = found.of("32-true", "race").largest_batch
    assert largest is not None
    assert ("memory", 0) == (largest.limited_by, largest.batch_size % 32)
    assert largest.batch_size > 32
    assert largest.peak_memory_bytes <= limit
    assert pytest.approx(largest.batch_size / largest.step_seconds) == largest.samples_per_second
    assert any(f"{largest.batch_size:,} samples" in each for each in found.answer.reasons)


def test_a_batch_that_cannot_be_larger_stays_what_it_is(ask: Ask) -> None:
    largest = ask("has_a_fixed_batch", batch_size="max").of("32-true", "race").largest_batch
    assert largest is not None
    assert (4, "workload") == (largest.batch_size, largest.limited_by)


def test_nobody_enlarges_a_batch_unasked(ask: Ask) -> None:
    assert ask("plain").of("32-true", "race").largest_batch is None
