import math

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.trials import trace
from autoprec_runner.trials.trace import departures, traced


class Twice(nn.Module):
    def forward(self, x: Tensor, *, factor: Tensor) -> Tensor:
        return x * factor


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Identity(), nn.ReLU())
        self.twice = Twice()

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.twice(self.inner(self.inner(x)), factor=torch.tensor([2.0]))
        return output


def run(x: Tensor) -> trace.Trace:
    model = Model()
    with traced(model) as found:
        model(x)
    assert not model.twice._forward_hooks
    return found


def test_innermost_modules_are_traced_in_their_order_at_their_first_call() -> None:
    found = run(torch.tensor([-1.0, 1.0]))
    assert ["inner.0", "inner.1", "twice"] == list(found)
    assert [-1.0, 1.0] == found["inner.0"][0].tolist()
    assert [0.0, 1.0, 2.0] == found["twice"][0].tolist()  # what came by name counts too
    assert [0.0, 2.0] == found["twice"][1].tolist()


def test_errors_are_relative_and_of_what_was_taken_and_put_out() -> None:
    found = departures(run(torch.tensor([1.0, 1.1])), run(torch.tensor([1.0, 1.0])))
    assert pytest.approx((0.1 / 2**0.5, 0.1 / 2**0.5)) == found["inner.1"]


def test_equal_traces_do_not_depart() -> None:
    assert {(0.0, 0.0)} == set(departures(run(torch.ones(3)), run(torch.ones(3))).values())


def test_modules_of_one_trace_only_are_left_out_and_other_shapes_are_infinitely_far() -> None:
    ours = run(torch.ones(3))
    assert {} == departures(ours, {})
    assert math.inf == departures(ours, run(torch.ones(4)))["twice"][1]


def test_large_tensors_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "MOST_SAMPLED", 10)
    assert 10 == len(run(torch.ones(99))["inner.1"][1])
