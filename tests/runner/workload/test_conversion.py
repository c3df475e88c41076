"""Where every candidate starts: float32 weights and tensors."""

from collections import UserDict
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from autoprec_runner.workload.conversion import has_arrays, to_float32, to_tensors, weights_dtype
from autoprec_runner.workload.tensors import describe

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_and_buffers_become_float32_and_stay_shared(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2)).to(dtype)
    model[2].weight = model[0].weight
    assert dtype == weights_dtype(model)
    to_float32(model)
    assert torch.float32 == weights_dtype(model)
    assert model[2].weight is model[0].weight
    assert [torch.float32, torch.float32, torch.int64] == [each.dtype for each in model.buffers()]


def test_a_model_without_floating_parameters_counts_as_float32() -> None:
    assert torch.float32 == weights_dtype(nn.ReLU())


@pytest.mark.parametrize(
    ("batch", "given", "expected"),
    [
        (np.ones((2, 3)), torch.float32, "float32[2, 3]"),
        ((np.ones(2, np.float16), np.ones(2, np.int32)), torch.float32, "(float32[2], int32[2])"),
        ({"x": [np.ones(2, bool), "text"]}, torch.float32, "{x: [bool[2], str]}"),
        (torch.ones(2, dtype=torch.bfloat16), torch.bfloat16, "float32[2]"),
        (torch.ones(2, dtype=torch.float64), torch.float64, "float32[2]"),
        (torch.ones(2, dtype=torch.float64), torch.float32, "float64[2]"),
        (np.array(["a"]), torch.float32, "ndarray"),
        (UserDict(x=np.ones(2)), torch.float32, "{x: float32[2]}"),
    ],
)
def test_batches_become_tensors(batch: Any, given: torch.dtype, expected: str) -> None:
    assert expected == describe(to_tensors(batch, given=given, device=CPU))


def test_a_read_only_array_is_copied() -> None:
    array = np.ones(2, np.float32)
    array.flags.writeable = False
    to_tensors(array, given=torch.float32, device=CPU).add_(1)
    assert [1.0, 1.0] == array.tolist()


def test_arrays_are_found_in_nested_batches() -> None:
    assert has_arrays({"x": [torch.ones(1), (np.ones(1),)]})
    assert not has_arrays({"x": [torch.ones(1), None]})
