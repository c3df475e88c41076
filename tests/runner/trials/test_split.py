"""Where the time of a step goes and what it holds, on real steps."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from autoprec_runner.trials.moments import StepListener
from autoprec_runner.trials.split import Operations, Stopwatch, Weigher, start_seconds


def ticking(*seconds: float) -> Iterator[float]:
    yield from seconds


def a_step(listener: StepListener, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    listener.begin()
    listener.after_data()
    loss = model(torch.ones(2, 4)).sum()
    listener.after_forward()
    loss.backward()
    listener.after_backward()
    optimizer.step()
    listener.after_step(skipped=False)
    optimizer.zero_grad()
    listener.end()


@pytest.fixture
def model() -> nn.Module:
    return nn.Linear(4, 3)


def test_each_part_is_the_time_between_its_moments(model: nn.Module) -> None:
    clock = ticking(0, 1, 3, 6, 10)
    waited: list[None] = []
    stopwatch = Stopwatch(lambda: waited.append(None), clock=lambda: next(clock))
    a_step(stopwatch, model, torch.optim.SGD(model.parameters(), lr=0.1))
    expected = {"move_seconds": 1, "forward_seconds": 2, "backward_seconds": 3, "optimizer_seconds": 4, "steps": 1}
    assert expected == stopwatch.summary()
    assert 5 == len(waited)  # at every moment, the device has done what it was asked for


def test_parts_are_medians_over_the_steps(model: nn.Module) -> None:
    clock = ticking(0, 0, 1, 1, 1, 10, 10, 19, 19, 19, 20, 20, 22, 22, 22)
    stopwatch = Stopwatch(lambda: None, clock=lambda: next(clock))
    for _ in range(3):
        a_step(stopwatch, model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert (2, 3) == (stopwatch.summary()["forward_seconds"], stopwatch.summary()["steps"])


def test_inference_has_no_backward_pass_and_no_update() -> None:
    stopwatch = Stopwatch(lambda: None)
    stopwatch.begin()
    stopwatch.after_data()
    stopwatch.after_forward()
    assert {"move_seconds", "forward_seconds", "steps"} == stopwatch.summary().keys()


def test_weights_gradients_and_optimizer_state_are_weighed_while_they_are_there(model: nn.Module) -> None:
    optimizer = torch.optim.Adam(model.parameters())
    weigher = Weigher(model, optimizer)
    a_step(weigher, model, optimizer)
    numbers = 4 * 3 + 3
    expected = {
        "weights_bytes": 4 * numbers,
        "gradients_bytes": 4 * numbers,
        "optimizer_bytes": 2 * 4 * numbers + 2 * 4,  # two moments each, and for both tensors the number of its step
    }
    assert expected == weigher.summary()


def test_what_is_not_there_is_unknown_and_shared_weights_count_once() -> None:
    layer = nn.Linear(4, 4, bias=False)
    twice = nn.Sequential(layer, nn.Linear(4, 4, bias=False))
    twice[1].weight = layer.weight
    assert {"weights_bytes": 64, "gradients_bytes": None, "optimizer_bytes": None} == Weigher(twice, None).summary()


def test_operations_of_the_backward_pass_are_counted_too() -> None:
    x = torch.ones(3, requires_grad=True)
    with Operations() as forward:
        y = x * 3
    with Operations() as backward:
        torch.autograd.grad(y.sum(), x)
    assert 1 == forward.count
    assert backward.count >= 1


@pytest.mark.parametrize("training", [True, False])
def test_starting_an_operation_takes_time(*, training: bool) -> None:
    assert 0 < start_seconds(torch.device("cpu"), training=training) < 1
