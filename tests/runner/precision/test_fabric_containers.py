"""Casting of nested data, side by side with Lightning Fabric: the same types, dtypes and numbers come out."""

from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence
from dataclasses import dataclass, field, is_dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from autoprec_runner.precision import DoublePrecision, HalfPrecision, MixedPrecision, Precision

fabric = pytest.importorskip("lightning_fabric.plugins.precision", reason="compares with Lightning Fabric")
pytest.importorskip("transformers", reason="has containers of its own")

from transformers import BatchEncoding
from transformers.modeling_outputs import BaseModelOutput


class Pair(NamedTuple):
    x: Any
    label: Any = None


@dataclass
class Batch:
    x: Any
    name: str = "batch"
    scale: ClassVar[Tensor] = torch.ones(1)

    @cached_property
    def doubled(self) -> Any:
        return self.x * 2


@dataclass
class Outer:
    inner: Batch
    tokens: Tensor = field(default_factory=lambda: torch.arange(3))


class Fixed(Mapping[str, Any]):
    """A mapping that cannot be changed, around a dict of its own."""

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class Changing(Fixed, MutableMapping[str, Any]):
    def __setitem__(self, key: str, value: Any) -> None:
        self._items[key] = value

    def __delitem__(self, key: str) -> None:
        del self._items[key]


class Items(MutableSequence[Any]):
    """A list around a list of its own."""

    def __init__(self, items: Any = ()) -> None:
        self._items = list(items)

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._items[index] = value

    def __delitem__(self, index: Any) -> None:
        del self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def insert(self, index: int, value: Any) -> None:
        self._items.insert(index, value)


class Opaque:
    def __init__(self, x: Tensor) -> None:
        self.x = x


def used(batch: Batch) -> Batch:
    assert batch.doubled is not None
    return batch


PAIRS: dict[str, tuple[Precision, Any]] = {
    "32-true": (Precision(), fabric.Precision()),
    "64-true": (DoublePrecision(), fabric.DoublePrecision()),
    "bf16-true": (HalfPrecision("bf16-true"), fabric.HalfPrecision("bf16-true")),
    "16-mixed": (MixedPrecision("16-mixed", "cpu"), fabric.MixedPrecision("16-mixed", "cpu")),
}

CONTAINERS: dict[str, Callable[[Tensor], Any]] = {
    "tensor": lambda x: x,
    "parameter": lambda x: nn.Parameter(x, requires_grad=x.is_floating_point()),
    "list": lambda x: [x, x],
    "mixed list": lambda x: [x, 1, "text", None],
    "tuple": lambda x: (x, x),
    "empty list": lambda _: [],
    "empty tuple": lambda _: (),
    "empty dict": lambda _: {},
    "dict": lambda x: {"x": x},
    "dict with other keys": lambda x: {0: x, ("a", 1): 2},
    "nested": lambda x: [{"deep": (Pair([x], 2),)}, [[x]]],
    "arguments": lambda x: ((x, 1), {"mask": None, "extra": [x]}),
    "ordered dict": lambda x: OrderedDict(b=1, a=x),
    "default dict": lambda x: defaultdict(list, x=x),
    "user dict": lambda x: UserDict({"x": x}),
    "user list": lambda x: UserList([x, 1]),
    "deque": lambda x: deque([x, 1]),
    "mapping": lambda x: Fixed({"x": x}),
    "mutable mapping": lambda x: Changing({"x": x, "y": [x]}),
    "mutable sequence": lambda x: Items([x, 1]),
    "named tuple": Pair,
    "torch's named tuple": lambda x: torch.max(x.reshape(1, -1), 1),
    "packed sequence": lambda x: pack_sequence([x.reshape(-1, 1)]),
    "dataclass": Batch,
    "dataclass with a cached property": lambda x: used(Batch(x)),
    "nested dataclass": lambda x: Outer(Batch([x])),
    "model output": lambda x: BaseModelOutput(last_hidden_state=x),
    "batch encoding": lambda x: BatchEncoding({"input": x}),
    "set": lambda _: {1, 2},
    "frozen set": lambda _: frozenset({3}),
    "text": lambda _: "text",
    "bytes": lambda _: b"bytes",
    "none": lambda _: None,
    "number": lambda _: 1.5,
    "numpy array": lambda _: np.ones(2),
    "numpy scalar": lambda _: np.float64(1),
    "object": Opaque,
    "size": lambda x: x.shape,
    "dtype": lambda x: x.dtype,
}
"""What both sides enter, or leave alone."""


def described(data: Any) -> Any:
    """Return the types in `data` and the dtypes and numbers of its tensors, to be compared."""
    if isinstance(data, Tensor):
        return str(data.dtype), data.detach().double().tolist()
    return type(data), _content(data)


def _content(data: Any) -> Any:
    if is_dataclass(data) or isinstance(data, Opaque):
        names = [*vars(data), "doubled"] if isinstance(data, Batch) else vars(data)
        return [(name, described(getattr(data, name))) for name in sorted(set(names))]
    if isinstance(data, Mapping):
        return [(key, described(value)) for key, value in data.items()]
    if isinstance(data, list | tuple | deque | UserList | Items):
        return [described(each) for each in data]
    return data.tolist() if isinstance(data, np.ndarray) else data


@pytest.mark.parametrize("precision", PAIRS)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("hook", ["convert_input", "convert_output"])
class TestContainers:
    def test_floating_tensors_come_out_alike(self, precision: str, container: str, hook: str) -> None:
        ours, theirs = PAIRS[precision]
        build, x = CONTAINERS[container], torch.tensor([0.5, 2.0], dtype=torch.float16)
        expected = getattr(theirs, hook)(build(x))
        assert described(expected) == described(getattr(ours, hook)(build(x)))

    def test_integer_tensors_come_out_alike(self, precision: str, container: str, hook: str) -> None:
        ours, theirs = PAIRS[precision]
        build, x = CONTAINERS[container], torch.tensor([1, 2])
        expected = getattr(theirs, hook)(build(x))
        assert described(expected) == described(getattr(ours, hook)(build(x)))

    def test_the_data_of_the_user_stays_as_it_was(self, precision: str, container: str, hook: str) -> None:
        ours, _ = PAIRS[precision]
        data = CONTAINERS[container](torch.tensor([0.5, 2.0], dtype=torch.float16))
        before = described(data)
        getattr(ours, hook)(data)
        assert before == described(data)
