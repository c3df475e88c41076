"""One batch or many, and what is neither."""

from collections import UserDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload import MAX_BATCHES
from autoprec_runner.workload.batches import collect_batches

ROWS = torch.ones(4, 2)


class Pair(NamedTuple):
    inputs: Tensor
    target: Tensor


class Graph:
    """Moves itself, as graph batches do, and can be iterated, too."""

    def to(self, device: str) -> "Graph":
        assert device
        return self

    def __iter__(self) -> Iterator[Tensor]:
        yield ROWS


class MapStyle(Dataset[Tensor]):
    def __getitem__(self, index: int) -> Tensor:
        return ROWS[index]


ONE: list[Any] = [
    ROWS,
    np.ones((4, 2)),
    {"x": ROWS},
    UserDict(x=ROWS),
    (ROWS, ROWS),
    [ROWS, ROWS],
    (ROWS, {"mask": None}),
    ((ROWS, ROWS), ROWS),
    Pair(ROWS, ROWS),
    Graph(),
]


@pytest.mark.parametrize("batch", ONE, ids=lambda batch: type(batch).__name__)
def test_this_is_one_batch(batch: Any) -> None:
    assert (batch,) == collect_batches(batch, seed=0).items


@pytest.mark.parametrize(
    ("batch", "count"),
    [
        ([(ROWS, ROWS), (ROWS, ROWS)], 2),
        ([{"x": ROWS}] * 3, 3),
        (((ROWS, ROWS), (ROWS, ROWS)), 2),
        (iter([ROWS, ROWS]), 2),
        ((ROWS for _ in range(3)), 3),
        ((ROWS for _ in range(100)), MAX_BATCHES),
        (DataLoader(TensorDataset(ROWS), batch_size=2), 2),
    ],
    ids=["list of tuples", "list of mappings", "tuple of tuples", "iterator", "short", "long", "DataLoader"],
)
def test_these_are_many(batch: Any, count: int) -> None:
    assert count == len(collect_batches(batch, seed=0).items)


def test_an_endless_generator_is_asked_no_further_than_needed() -> None:
    asked = []

    def endless() -> Iterator[Tensor]:
        while True:
            asked.append(1)
            yield ROWS

    collect_batches(endless(), seed=0)
    assert MAX_BATCHES == len(asked)


def test_a_shuffling_loader_has_the_order_of_the_seed() -> None:
    data: DataLoader[Any] = DataLoader(TensorDataset(torch.arange(64)), batch_size=64, shuffle=True)

    def order(seed: int) -> list[int]:
        values: list[int] = collect_batches(data, seed=seed).items[0][0].tolist()
        return values

    assert order(1) == order(1)
    assert order(1) != order(2)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (iter([]), r"\(list_iterator\) is empty"),
        ("text", "batch is an object of type str"),
        (3, "batch is an object of type int"),
        ([3, 4], "gave 3, which is not a batch"),
        (["a", "b"], "gave str, which is not a batch"),
        (MapStyle(), "MapStyle, perhaps a data set: wrap it in a DataLoader"),
    ],
)
def test_what_is_no_batch_is_told(batch: Any, message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        collect_batches(batch, seed=0)


def test_an_iterable_that_fails_is_told_with_its_error() -> None:
    def failing() -> Iterator[Tensor]:
        yield ROWS
        raise OSError("disk gone")

    with pytest.raises(WorkloadError, match=r"\(generator\) failed: OSError: disk gone"):
        collect_batches(failing(), seed=0)
