"""Tensors inside tuples, lists, mappings and dataclasses: find them, change them, describe them."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in a nested value, in the order in which it holds them."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from tensors_of(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from tensors_of(inner)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from tensors_of(getattr(value, field.name, None))


def floating_tensors(value: Any) -> tuple[Tensor, ...]:
    """Return the floating tensors of a model's output, in order."""
    return tuple(each for each in tensors_of(value) if each.is_floating_point())


def map_leaves(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return `value` with `change` applied to whatever is not a tuple, list or mapping; containers keep their type."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_leaves(inner, change) for inner in value))
    if isinstance(value, tuple | list):
        return type(value)(map_leaves(inner, change) for inner in value)
    if isinstance(value, Mapping):
        return _map_mapping(value, change)
    return change(value)


def _map_mapping(value: Mapping[Any, Any], change: Callable[[Any], Any]) -> Mapping[Any, Any]:
    changed = {key: map_leaves(inner, change) for key, inner in value.items()}
    if type(value) is dict or not hasattr(value, "copy"):
        return changed
    copied = value.copy()
    copied.update(changed)
    return copied  # type: ignore[no-any-return]


def describe(value: Any) -> str:
    """Return the structure of a batch or output, such as `(float32[64, 1, 8, 8], int64[64])`."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {describe(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, tuple | list):
        inner = ", ".join(describe(each) for each in value)
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return repr(value) if isinstance(value, bool | int | float | None) else type(value).__name__
