"""Real data that is on every machine: scikit-learn's small sets, and the sources of Python's standard library."""

import importlib.util
import keyword
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from sklearn import datasets
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np

VOCABULARY = 256
"""Tokens of text are bytes."""
_SOURCES = ("argparse", "ast", "asyncio.base_events", "datetime", "decimal", "difflib", "doctest", "email.message")
_MORE_SOURCES = ("http.client", "inspect", "json.decoder", "logging", "pathlib", "pickle", "subprocess", "tarfile")


def digits() -> tuple[Tensor, Tensor]:
    """Return 1,797 handwritten digits, grey values in 0 to 1, float32[N, 1, 8, 8], and their classes, int64[N]."""
    images, classes = datasets.load_digits(return_X_y=True)
    return torch.tensor(images / 16, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(classes)


def wine() -> tuple[Tensor, Tensor]:
    """Return 13 standardised measurements of 178 wines, float32[N, 13], and their three cultivars, int64[N]."""
    features, classes = datasets.load_wine(return_X_y=True)
    return standardised(features), torch.tensor(classes)


def breast_cancer() -> tuple[Tensor, Tensor]:
    """Return 30 standardised measurements of 569 tumours, float32[N, 30], and whether each is benign, int64[N]."""
    features, classes = datasets.load_breast_cancer(return_X_y=True)
    return standardised(features), torch.tensor(classes)


def diabetes() -> tuple[Tensor, Tensor]:
    """Return ten standardised measurements of 442 patients, float32[N, 10], and their standardised progress [N, 1]."""
    features, progress = datasets.load_diabetes(return_X_y=True)
    return standardised(features), standardised(progress[:, None])


def standardised(values: "np.ndarray[Any, np.dtype[np.float64]]") -> Tensor:
    """Return columns with mean 0 and deviation 1, in float32."""
    return torch.tensor((values - values.mean(0)) / values.std(0), dtype=torch.float32)


@cache
def sources() -> tuple[str, ...]:
    """Return the text of some modules of the standard library."""
    specs = [importlib.util.find_spec(name) for name in (*_SOURCES, *_MORE_SOURCES)]
    return tuple(Path(str(spec and spec.origin)).read_text(encoding="utf-8") for spec in specs)


def passages(*, batches: int, batch_size: int, length: int) -> list[tuple[Tensor, Tensor]]:
    """Return batches of random passages of code: bytes int64[B, T] and, as targets, the bytes that follow them."""
    text = torch.frombuffer(bytearray("\n".join(sources()).encode()), dtype=torch.uint8).long()
    generator = torch.Generator().manual_seed(0)
    starts = torch.randint(len(text) - length - 1, (batches, batch_size, 1), generator=generator)
    found = text[starts + torch.arange(length + 1)]
    return [(each[:, :-1], each[:, 1:]) for each in found]


def words() -> list[list[str]]:
    """Return, for each source, the names that it uses, in their order."""
    names = (re.findall(r"[A-Za-z_]{3,}", text) for text in sources())
    return [[name for name in each if not keyword.iskeyword(name)] for each in names]


def in_batches(*tensors: Tensor, size: int, count: int = 16) -> list[tuple[Tensor, ...]]:
    """Return shuffled batches of equal size, as many as there are rows for, at most `count`."""
    order = torch.randperm(len(tensors[0]), generator=torch.Generator().manual_seed(0))
    rows = [order[start : start + size] for start in range(0, len(order) - size + 1, size)]
    return [tuple(each[chosen] for each in tensors) for chosen in rows[:count]]
