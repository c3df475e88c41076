"""The batches of a workload: one, or the first few of many."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from statistics import median
from typing import Any

import numpy as np
from torch import Tensor

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.seeding import seeded
from autoprec_runner.workload.tensors import describe
from autoprec_runner.workload.workload import MAX_BATCHES

_ALLOWED = "Pass one batch (a tensor, mapping, or tuple or list of tensors) or an iterable of batches."


@dataclass(frozen=True)
class Batches:
    """Batches that were drawn already, so that a list of tensors is not taken for one batch."""

    items: tuple[Any, ...]
    fetch_seconds: float | None = None
    """What drawing one took, the median without the first, which may start worker processes; None for one batch."""


def collect_batches(batch: Any, *, seed: int) -> Batches:
    """Return the batches that a user's `batch` stands for, at most `MAX_BATCHES`, drawn under `seed`.

    Raises:
        WorkloadError: There is no batch in it, it is not a batch at all, or the iterable fails.
    """
    if isinstance(batch, Batches):
        return batch
    if _is_one_batch(batch):
        return Batches((batch,))
    if isinstance(batch, str | bytes) or not isinstance(batch, Iterable):
        raise WorkloadError(f"batch is an object of type {type(batch).__name__}{_dataset_hint(batch)}. {_ALLOWED}")
    items, seconds = _draw(batch, seed)
    if not items:
        raise WorkloadError(f"The iterable of batches ({type(batch).__name__}) is empty. {_ALLOWED}")
    if not all(_is_one_batch(each) for each in items):
        wrong = next(each for each in items if not _is_one_batch(each))
        raise WorkloadError(f"The iterable of batches gave {describe(wrong)}, which is not a batch. {_ALLOWED}")
    return Batches(items, fetch_seconds=median(seconds[1:]) if len(seconds) > 1 else None)


def _is_one_batch(batch: Any) -> bool:
    if isinstance(batch, tuple | list):
        return any(isinstance(each, Tensor | np.ndarray) for each in batch)
    return isinstance(batch, Tensor | np.ndarray | Mapping) or hasattr(batch, "to")  # a graph batch moves itself


def _draw(batch: Iterable[Any], seed: int) -> tuple[tuple[Any, ...], list[float]]:
    """Return the first batches, and the seconds that each took."""
    try:
        with seeded(seed):
            items, times = [], [time.perf_counter()]
            for each in islice(batch, MAX_BATCHES):
                items.append(each)
                times.append(time.perf_counter())
            return tuple(items), [later - earlier for earlier, later in pairwise(times)]
    except Exception as error:
        raise WorkloadError(
            f"The iterable of batches ({type(batch).__name__}) failed: {type(error).__name__}: {error}",
        ) from error


def _dataset_hint(batch: Any) -> str:
    return ", perhaps a data set: wrap it in a DataLoader" if hasattr(batch, "__getitem__") else ""
