"""Tensors inside arbitrary containers, converted by direct recursion.

A container comes back as the same object where nothing in it changed, and as a new one of the same type where something
did; the user's own object is never modified. Sequences (named tuples and deques too), mappings and dataclass instances
(frozen ones too) are entered. Sets and objects of other types are left alone.
"""

import copy
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import fields
from functools import cached_property
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn

Recurse = Callable[[Any, Any], Any]

_LEAVES = frozenset(
    {int, float, bool, complex, str, bytes, bytearray, memoryview, range, type(None), torch.dtype, torch.device},
)
_MODULE_CASTS: dict[torch.dtype, Callable[[nn.Module], nn.Module]] = {
    torch.float64: nn.Module.double,
    torch.float32: nn.Module.float,
    torch.float16: nn.Module.half,
    torch.bfloat16: nn.Module.bfloat16,
}
_BLOCKING_DEVICES = frozenset({"cpu", "mps"})  # asynchronous copies to them can be read before they have arrived


def convert_tensors(data: Any, convert: Callable[[Tensor], Any]) -> Any:
    """Return `data` with `convert` applied to every tensor in it."""
    if isinstance(data, Tensor):
        return convert(data)
    return _rebuild(data, convert_tensors, convert)


def cast_floating(data: Any, dtype: torch.dtype) -> Any:
    """Return `data` with its floating-point tensors in `dtype`; integer, bool and complex tensors stay as they are."""
    if isinstance(data, Tensor):
        if data.dtype is dtype or not data.is_floating_point():
            return data
        return data.to(dtype=dtype)  # by name: torch parses a position twice as long
    return _rebuild(data, cast_floating, dtype)


def cast_module(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return `module` with its floating-point parameters and buffers in `dtype`; what is shared stays shared.

    `module.to(dtype)` would make complex tensors real, and give each owner of a shared buffer a copy of its own.
    """
    places: dict[Tensor, list[tuple[dict[str, Tensor | None], str]]] = {}
    for table in (each._buffers for each in module.modules()):  # noqa: SLF001 (buffers() hides sharing)
        for name, buffer in table.items():
            if buffer is not None:
                places.setdefault(buffer, []).append((table, name))
    _MODULE_CASTS[dtype](module)
    for (first_table, first_name), *others in places.values():
        for table, name in others:
            table[name] = first_table[first_name]
    return module


def move_to_device(batch: Any, device: torch.device | str) -> Any:
    """Return `batch` with everything that can be moved on `device`: tensors, and objects with a `to` of their own."""
    return _move(batch, torch.device(device))


def _move(data: Any, device: torch.device) -> Any:
    if isinstance(data, Tensor):
        return data.to(device, non_blocking=device.type not in _BLOCKING_DEVICES)
    if not isinstance(data, type) and callable(getattr(data, "to", None)):
        moved = data.to(device)
        return data if moved is None else moved
    return _rebuild(data, _move, device)


def _rebuild(data: Any, recurse: Recurse, argument: Any) -> Any:
    """Apply `recurse(child, argument)` one level down."""
    kind = type(data)
    if kind in _LEAVES:
        return data
    if isinstance(data, list | tuple):
        return _rebuild_sequence(data, recurse, argument)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, recurse, argument)
    if hasattr(kind, "__dataclass_fields__"):
        return _rebuild_dataclass(data, recurse, argument)
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _rebuild_sequence(data, recurse, argument)
    return data


def _rebuild_sequence(data: Sequence[Any], recurse: Recurse, argument: Any) -> Any:
    new = [recurse(child, argument) for child in data]
    if all(map(is_, new, data)):
        return data
    kind = type(data)
    if kind is list:
        return new
    if _copies_its_items(data):
        clone: Any = copy.copy(data)
        for index, child in enumerate(new):
            clone[index] = child
        return clone
    build: Any = kind
    return build(*new) if hasattr(kind, "_fields") else build(new)


def _rebuild_mapping(data: Mapping[Any, Any], recurse: Recurse, argument: Any) -> Any:
    changed = {}
    for key, child in data.items():
        new = recurse(child, argument)
        if new is not child:
            changed[key] = new
    if not changed:
        return data
    if type(data) is dict:
        return {**data, **changed}
    if not isinstance(data, MutableMapping) or not _copies_its_items(data):
        return type(data)({**data, **changed})  # type: ignore[call-arg]
    clone = copy.copy(data)
    for key, new in changed.items():
        clone[key] = new
    return clone


def _copies_its_items(data: Any) -> bool:
    """Whether `copy.copy` gives a container of its own; one that keeps its items in an attribute would share them."""
    return isinstance(data, dict | list | deque) or hasattr(data, "__copy__")


def _rebuild_dataclass(data: Any, recurse: Recurse, argument: Any) -> Any:
    changed = {}
    for field in fields(data):
        child = getattr(data, field.name, None)
        new = recurse(child, argument)
        if new is not child:
            changed[field.name] = new
    if not changed:
        return data
    clone = copy.copy(data)
    for name, new in changed.items():
        object.__setattr__(clone, name, new)  # also where the dataclass is frozen
    for name in [each for each in getattr(clone, "__dict__", ()) if _is_cached(type(clone), each)]:
        del clone.__dict__[name]  # computed from the fields as they were
    return clone


def _is_cached(kind: type, name: str) -> bool:
    return isinstance(getattr(kind, name, None), cached_property)
