"""Whether memory grows from step to step."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from autoprec_runner.trials.checks import checks
from autoprec_runner.trials.evidence import Evidence
from autoprec_runner.trials.memory import MemoryMeter
from autoprec_runner.trials.slope import FEWEST_SAMPLES, Sample, memory_slope

MIB = 2**20
WIDTH = 1024


def series(*held: float) -> list[Sample]:
    return [(step, int(each)) for step, each in enumerate(held)]


def noisy(slope: float, *, steps: int = 40, noise: float = 4096.0) -> list[Sample]:
    generator = np.random.default_rng(0)
    return series(*(100 * MIB + slope * step + noise * generator.normal() for step in range(steps)))


def test_steady_growth_is_found_through_noise() -> None:
    slope = memory_slope(noisy(MIB))
    assert slope is not None
    assert slope.is_growth
    assert pytest.approx(MIB, rel=0.01) == slope.bytes_per_step


@pytest.mark.parametrize("at", [3, 10, 20, 35])
def test_one_allocation_that_stays_is_no_growth(at: int) -> None:
    slope = memory_slope(series(*([100 * MIB] * at + [200 * MIB] * (40 - at))))
    assert slope is not None
    assert not slope.is_growth


def test_growth_that_ends_is_no_growth() -> None:
    slope = memory_slope(series(*(min(step, 15) * MIB for step in range(40))))
    assert slope is not None
    assert not slope.is_growth


def test_samples_need_not_be_of_neighbouring_steps() -> None:
    slope = memory_slope([(10 * place, 10 * place * MIB) for place in range(20)])
    assert slope is not None
    assert MIB == slope.bytes_per_step


def test_a_few_steps_tell_nothing() -> None:
    assert memory_slope(noisy(MIB, steps=FEWEST_SAMPLES - 1)) is None


def growth(mine: list[Sample], reference: list[Sample] | None = None) -> tuple[str, str]:
    beside = Evidence(unwatched_memory=reference) if reference else None
    evidence = Evidence(unwatched_memory=mine, peak_memory_bytes=100 * MIB)
    check = {each.id: each for each in checks(evidence, beside)}["memory-slope"]
    return check.verdict, check.sentence


def test_growth_of_a_candidate_alone_is_told_beside_fp32() -> None:
    verdict, sentence = growth(noisy(MIB), noisy(0.0, noise=0.0))
    assert "warning" == verdict
    assert sentence.endswith("over 40 steps, fp32 nothing.")


def test_growth_in_fp32_as_well_blames_the_workload() -> None:
    assert "so does fp32: the workload keeps something" in growth(noisy(MIB), noisy(MIB))[1]


def test_less_than_a_thousandth_of_the_peak_is_nothing_to_warn_of() -> None:
    assert "good" == growth(noisy(MIB / 16))[0]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the resident set from Linux's /proc")
def test_weights_that_autocast_caches_for_good_are_seen() -> None:
    meter = MemoryMeter(torch.device("cpu"))
    x = torch.ones(1, WIDTH)
    held: list[Sample] = []
    with torch.autocast("cpu", dtype=torch.bfloat16):  # left open, it keeps what it has cast
        for step in range(24):
            x @ nn.Parameter(torch.ones(WIDTH, WIDTH))
            held.append((step, meter.now_bytes))
    slope = memory_slope(held)
    assert slope is not None
    assert slope.is_growth
    assert pytest.approx((4 + 2) * WIDTH**2, rel=0.1) == slope.bytes_per_step  # the graph of a cast keeps its weight
