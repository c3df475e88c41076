import types
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from transformers import BatchEncoding
from transformers.modeling_outputs import BaseModelOutput

from autoprec_runner.precision import convert_tensors, move_to_device
from autoprec_runner.precision.conversion import cast_floating

Pair = namedtuple("Pair", ["x", "y"])  # noqa: PYI024 (the untyped kind is what is tested)


@dataclass
class Batch:
    x: torch.Tensor
    name: str = "batch"
    derived: int = field(init=False, default=3)


@dataclass(frozen=True, slots=True)
class FrozenBatch:
    x: torch.Tensor
    y: torch.Tensor


class NamedList(list[Any]):
    label = ""


def floating() -> torch.Tensor:
    return torch.ones(2)


def integers() -> torch.Tensor:
    return torch.ones(2, dtype=torch.int64)


def tensors_of(data: Any) -> list[torch.Tensor]:
    found = []

    def collect(tensor: torch.Tensor) -> torch.Tensor:
        found.append(tensor)
        return tensor

    convert_tensors(data, collect)
    return found


def test_a_tensor_of_the_right_dtype_is_returned_as_it_is() -> None:
    x = floating()
    assert cast_floating(x, torch.float32) is x


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool, torch.complex64, torch.complex128])
def test_only_floating_tensors_are_cast(dtype: torch.dtype) -> None:
    x = torch.ones(2, dtype=dtype)
    assert cast_floating(x, torch.bfloat16) is x


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_floating_dtype_is_cast(dtype: torch.dtype) -> None:
    assert torch.bfloat16 == cast_floating(torch.ones(2, dtype=dtype), torch.bfloat16).dtype


def test_a_cast_is_differentiable() -> None:
    x = torch.ones(2, requires_grad=True)
    cast_floating([x], torch.float64)[0].sum().backward()
    assert x.grad is not None
    assert torch.equal(torch.ones(2), x.grad)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: [x, 1],
        lambda x: (x, "text"),
        lambda x: Pair(x, None),
        lambda x: {"x": x},
        lambda x: OrderedDict(b=1, a=x),
        lambda x: defaultdict(list, x=x),
        lambda x: UserDict({"x": x}),
        lambda x: types.MappingProxyType({"x": x}),
        lambda x: [{"deep": (Pair([x], 2),)}],
        lambda x: NamedList((x,)),
        Batch,
        lambda x: FrozenBatch(x, integers()),
        lambda x: BaseModelOutput(last_hidden_state=x),
        lambda x: BatchEncoding({"input": x}),
    ],
    ids=lambda build: type(build(integers())).__name__,
)
class TestContainers:
    def test_the_type_stays_and_the_tensor_is_cast(self, build: Any) -> None:
        data = build(floating())
        new = cast_floating(data, torch.bfloat16)
        assert type(data) is type(new)
        assert torch.bfloat16 in {each.dtype for each in tensors_of(new)}

    def test_the_original_is_not_modified(self, build: Any) -> None:
        x = floating()
        data = build(x)
        cast_floating(data, torch.bfloat16)
        assert any(each is x for each in tensors_of(data))

    def test_it_is_the_same_object_where_nothing_changes(self, build: Any) -> None:
        data = build(integers())
        assert cast_floating(data, torch.bfloat16) is data


def test_a_default_factory_order_and_attributes_survive() -> None:
    new = cast_floating(defaultdict(list, x=floating()), torch.bfloat16)
    assert [] == new["missing"]
    assert ["b", "a"] == list(cast_floating(OrderedDict(b=floating(), a=1), torch.bfloat16))
    named = NamedList([floating()])
    named.label = "kept"
    assert cast_floating(named, torch.bfloat16).label == "kept"


def test_a_dataclass_keeps_its_other_fields_and_stays_frozen() -> None:
    batch = Batch(floating(), name="kept")
    batch.derived = 7
    new = cast_floating(batch, torch.bfloat16)
    assert ("kept", 7) == (new.name, new.derived)
    frozen = cast_floating(FrozenBatch(floating(), floating()), torch.bfloat16)
    with pytest.raises(FrozenInstanceError):
        frozen.x = floating()


def test_a_model_output_agrees_as_mapping_and_attributes() -> None:
    new = cast_floating(BaseModelOutput(last_hidden_state=floating()), torch.bfloat16)
    assert new["last_hidden_state"] is new.last_hidden_state is new.to_tuple()[0]


def test_sets_classes_and_unknown_objects_are_left_alone() -> None:
    class Opaque:
        tensor = floating()

    for each in ({1, 2}, frozenset({3}), Opaque(), Opaque, Batch, range(3), None, 1.5, b"x", torch.float32):
        assert cast_floating(each, torch.bfloat16) is each


def test_a_packed_sequence_is_cast() -> None:
    packed = cast_floating(pack_sequence([torch.ones(3, 2), torch.ones(2, 2)]), torch.float64)
    assert isinstance(packed, PackedSequence)
    assert torch.float64 == packed.data.dtype


def test_convert_tensors_applies_any_function_to_tensors_of_any_dtype() -> None:
    assert {"x": (2, 3), "y": 1} == convert_tensors({"x": (floating(), torch.ones(3)), "y": 1}, len)


def test_moving_reaches_objects_with_a_to_of_their_own() -> None:
    class Movable:
        device = None

        def to(self, device: torch.device) -> None:
            self.device = device

    movable = Movable()
    moved = move_to_device({"a": [movable, floating()], "b": 1}, "meta")
    assert moved["a"][0] is movable
    assert (torch.device("meta"), torch.device("meta")) == (movable.device, moved["a"][1].device)


def test_moving_to_the_same_device_changes_nothing() -> None:
    data = {"x": [floating()], "y": 1}
    assert move_to_device(data, "cpu") is data
