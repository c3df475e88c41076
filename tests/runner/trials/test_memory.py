import pytest
import torch

from autoprec_runner.trials.memory import MemoryMeter

MIB = 2**20


def test_an_allocation_shows_in_the_peak_also_after_it_is_gone() -> None:
    meter = MemoryMeter(torch.device("cpu"))
    meter.reset()
    before = meter.peak_bytes
    tensor = torch.ones(16 * MIB)
    del tensor
    assert pytest.approx(64 * MIB, rel=0.2) == meter.peak_bytes - before


def test_what_was_there_before_does_not_count() -> None:
    held = torch.ones(16 * MIB)
    meter = MemoryMeter(torch.device("cpu"))
    meter.reset()
    assert meter.peak_bytes < 32 * MIB
    assert 1.0 == float(held[0])


def test_a_reset_forgets_the_peak() -> None:
    meter = MemoryMeter(torch.device("cpu"))
    tensor = torch.ones(16 * MIB)
    del tensor
    meter.reset()
    assert meter.peak_bytes < 32 * MIB
