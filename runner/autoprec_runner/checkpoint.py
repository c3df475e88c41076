"""Checkpoints of an engine: modules, optimizers and the precision's state in one file, written whole or not at all."""

import os
import pickle
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Precision

PRECISION_KEY = "precision"
"""Where a checkpoint keeps the state of the precision plugin."""


@runtime_checkable
class Stateful(Protocol):
    """Modules, optimizers, learning-rate schedulers, plugins: whatever saves and loads a state of its own."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state_dict: Any) -> Any:
        """Take over a state."""


def collect(
    state: Mapping[str, Any],
    plugin: Precision,
    state_of: Callable[[Stateful], dict[str, Any]],
) -> dict[str, Any]:
    """Return what a checkpoint holds: state dicts in place of stateful objects, and the precision's state."""
    content = {key: state_of(value) if isinstance(value, Stateful) else value for key, value in state.items()}
    content.setdefault(PRECISION_KEY, plugin.state_dict())
    return content


def write_checkpoint(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write `content` to `path`.

    The file appears under its name only when it is complete; an older one stays untouched until then.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with partial.open("xb") as file:
            torch.save(dict(content), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def restore(
    content: dict[str, Any],
    state: MutableMapping[str, Any],
    plugin: Precision,
    load_state: Callable[[Stateful, dict[str, Any]], None],
    *,
    path: str | os.PathLike[str],
    strict: bool = True,
) -> dict[str, Any]:
    """Restore the objects in `state` and the precision from what was read from `path`; return what is left over.

    Stateful objects load their state, other entries of `state` are replaced.

    Raises:
        PrecisionError: `strict`, and `state` asks for something that `content` does not hold.
    """
    missing = [key for key in state if key not in content]
    if missing and strict:
        raise PrecisionError(
            f"{os.fspath(path)} holds no {', '.join(map(repr, missing))}; it holds {', '.join(map(repr, content))}. "
            "Ask for less, or pass strict=False.",
        )
    if PRECISION_KEY not in state:
        plugin.load_state_dict(content.pop(PRECISION_KEY, {}))
    for key in [key for key in state if key in content]:
        if isinstance(state[key], Stateful):
            load_state(state[key], content.pop(key))
        else:
            state[key] = content.pop(key)
    return content


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what `write_checkpoint` wrote, tensors on the CPU.

    Raises:
        PrecisionError: The file holds objects other than tensors and plain values.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise PrecisionError(
            f"{os.fspath(path)} holds more than tensors and plain values, and unpickling it could run code. "
            "Save state dicts, numbers, strings and containers of them only.",
        ) from error
    return content
