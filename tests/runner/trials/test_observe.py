from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.trials.observe import dense_tensors, observed


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def summary(model: nn.Module, *inputs: Any) -> dict[str, Any]:
    with observed(model) as activations:
        for each in inputs:
            model(each)
    return activations.summary()


def test_the_first_module_to_put_out_infinity_comes_first_and_the_inner_before_the_outer() -> None:
    inner = nn.Sequential(Times(2.0), Times(float("inf")))
    model = nn.Sequential(Times(1.0), inner, Times(1.0))
    assert ["1.1", "1", "2", "Sequential"] == summary(model, torch.ones(2))["nonfinite"]


def test_the_first_to_go_bad_comes_first_though_it_is_not_the_first_to_run() -> None:
    model = nn.Sequential(Times(1.0), Times(1e30))
    found = summary(model, torch.full((2,), 1e20), torch.full((2,), float("nan")))
    assert ["1", "Sequential", "0"] == found["nonfinite"]


def test_nan_counts_as_infinity_does() -> None:
    assert ["0", "Sequential"] == summary(nn.Sequential(Times(float("nan"))), torch.ones(2))["nonfinite"]


def test_the_largest_activations_are_told_by_module() -> None:
    found = summary(nn.Sequential(Times(-3.0), Times(10.0)), torch.ones(2), torch.full((2,), 2.0))
    assert {"1": 60.0, "Sequential": 60.0, "0": 6.0} == found["largest"]
    assert [] == found["nonfinite"]


def test_headroom_is_that_of_the_dtype_that_is_put_out() -> None:
    found = summary(nn.Sequential(Times(1.0)), torch.full((2,), 2.0**15, dtype=torch.float16))
    assert pytest.approx(1.0, abs=0.001) == found["headroom_bits"]


def test_a_module_under_two_names_is_told_by_its_first() -> None:
    tied = Times(float("inf"))
    assert ["0", "Sequential"] == summary(nn.Sequential(tied, tied), torch.ones(2))["nonfinite"]


def test_nothing_stays_on_the_model() -> None:
    model = nn.Sequential(Times(1.0))
    with pytest.raises(KeyError), observed(model):
        raise KeyError
    assert not any(module._forward_hooks for module in model.modules())


def test_a_changed_default_dtype_disturbs_nothing() -> None:
    model = nn.Sequential(*[Times(1.0) for _ in range(300)], Times(float("inf")))
    torch.set_default_dtype(torch.float16)
    try:
        assert ["300", "Sequential"] == summary(model, torch.ones(2))["nonfinite"]
    finally:
        torch.set_default_dtype(torch.float32)


@dataclass
class Output:
    logits: Tensor
    name: str = "x"


@pytest.mark.parametrize(
    ("output", "count"),
    [
        (torch.ones(2), 1),
        ({"a": torch.ones(2), "b": [torch.ones(2), (torch.ones(2),)]}, 3),
        (Output(torch.ones(2)), 1),
        (torch.ones(2, dtype=torch.int64), 0),
        (torch.ones(2, dtype=torch.complex64), 0),
        (torch.ones(0), 0),
        (torch.eye(2).to_sparse(), 0),
        (None, 0),
        ("text", 0),
    ],
)
def test_dense_tensors_are_found_wherever_they_are(output: Any, count: int) -> None:
    assert count == len(list(dense_tensors(output)))


def test_float8_can_be_observed() -> None:
    model = nn.Identity()
    found = summary(model, torch.full((2,), 448.0).to(torch.float8_e4m3fn))
    assert {"Identity": 448.0} == found["largest"]
