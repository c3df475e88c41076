import math

import pytest
import torch

from autoprec_runner.trials.compare import compare_outputs, holds_nan, output_tensors

INF, NAN = math.inf, math.nan


def error(true: list[float], mine: list[float]) -> float:
    return float(compare_outputs([[torch.tensor(true)]], [[torch.tensor(mine)]])["relative_error"])


@pytest.mark.parametrize(
    ("true", "mine", "expected"),
    [
        ([3.0, 4.0], [3.0, 4.0], 0.0),
        ([3.0, 4.0], [3.0, 4.5], 0.1),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([0.0, 0.0], [3.0, 4.0], 5.0),
        ([3.0, 4.0, -INF], [3.0, 4.5, -INF], 0.1),
        ([3.0, 4.0], [3.0, INF], INF),
        ([3.0, 4.0], [3.0, NAN], INF),
        ([3.0, INF], [3.0, -INF], INF),
        ([3.0, -INF], [3.0, 4.0], INF),
        ([3.0, NAN], [3.0, NAN], INF),
    ],
)
def test_the_error_is_relative_to_the_reference(true: list[float], mine: list[float], expected: float) -> None:
    assert pytest.approx(expected) == error(true, mine)


def test_the_error_is_taken_over_all_batches_and_outputs() -> None:
    true = [[torch.tensor([3.0]), torch.tensor([4.0])], [torch.tensor([0.0])]]
    mine = [[torch.tensor([3.0]), torch.tensor([4.0])], [torch.tensor([0.5])]]
    found = compare_outputs(true, mine)
    assert (pytest.approx(0.1), 2, 3) == (found["relative_error"], found["batches"], found["tensors"])


def test_another_shape_is_another_output() -> None:
    assert math.isinf(compare_outputs([[torch.ones(2)]], [[torch.ones(1)]])["relative_error"])


def test_the_agreement_of_choices_is_told_where_there_are_choices() -> None:
    true = torch.tensor([[1.0, 2.0], [2.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    mine = torch.tensor([[1.0, 2.0], [2.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert 0.75 == compare_outputs([[true]], [[mine]])["top1_agreement"]
    assert compare_outputs([[torch.ones(4)]], [[torch.ones(4)]])["top1_agreement"] is None
    assert compare_outputs([[torch.ones(4, 1)]], [[torch.ones(4, 1)]])["top1_agreement"] is None


def test_outputs_without_floating_tensors_compare_nothing() -> None:
    found = compare_outputs([output_tensors(torch.ones(2, dtype=torch.int64))], [[]])
    assert (0, None) == (found["tensors"], found["top1_agreement"])


def test_outputs_are_copied_in_fp32() -> None:
    output = torch.ones(2, dtype=torch.bfloat16)
    (copied,) = output_tensors({"logits": output, "ids": torch.ones(2, dtype=torch.int64)})
    output += 1
    assert (torch.float32, [1.0, 1.0]) == (copied.dtype, copied.tolist())


def test_nan_is_told_from_infinity() -> None:
    assert holds_nan([[torch.ones(1)], [torch.tensor([1.0, NAN])]])
    assert not holds_nan([[torch.tensor([INF])], []])
