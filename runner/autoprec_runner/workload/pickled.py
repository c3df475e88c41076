"""A workload that lives in the user's process, written to a file for a child process on the same machine."""

import pickle
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import cloudpickle

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.source import WorkloadSource
from autoprec_runner.workload.workload import Workload

_DEEPEST = 8
_WAY_OUT = (
    'Give a factory instead, "path/to/file.py:factory", which makes the workload in each child process anew; or leave '
    "what cannot be pickled out of the model."
)


@dataclass(frozen=True)
class PickledSource(WorkloadSource):
    """A file written by `pickle_workload`. Unpickling runs code: only files of this user on this machine are loaded."""

    kind: ClassVar[str] = "pickle"

    path: str

    def load(self, *, seed: int = 0) -> Workload:  # noqa: ARG002 (the weights are in the file)
        """Return the workload with the weights that it was pickled with, whatever the seed."""
        try:
            with Path(self.path).open("rb") as file:
                _extend_sys_path(pickle.load(file))  # noqa: S301 (written by this user's own process)
                workload = pickle.load(file)  # noqa: S301
        except Exception as error:
            raise WorkloadError(
                f"The workload pickled in {self.path} cannot be loaded: {type(error).__name__}: {error}. {_WAY_OUT}",
            ) from error
        if not isinstance(workload, Workload):
            raise WorkloadError(f"{self.path} holds an object of type {type(workload).__name__}, not a Workload.")
        return workload


def pickle_workload(workload: Workload, path: str | Path, *, seed: int = 0) -> PickledSource:
    """Write a workload to a file, by value where its classes and functions live in `__main__`.

    Iterables of batches are drawn from here, under `seed`: at most `MAX_BATCHES` batches go into the file instead of
    the whole data set, and a generator, which no pickle can hold, works too.

    Raises:
        WorkloadError: Something in the workload cannot be pickled; the message names it.
    """
    from autoprec_runner.workload.batches import collect_batches  # noqa: PLC0415 (the source itself needs no torch)

    if workload.batch is not None:
        workload = replace(workload, batch=collect_batches(workload.batch, seed=seed))
    try:
        with Path(path).open("wb") as file:
            pickle.dump([entry for entry in sys.path if entry], file)
            cloudpickle.dump(workload, file)
    except Exception as error:
        Path(path).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise
        raise WorkloadError(
            f"The workload cannot be pickled for its child processes: {_culprit(workload)} ({error}). {_WAY_OUT}",
        ) from error
    return PickledSource(str(path))


def _extend_sys_path(entries: list[str]) -> None:
    """Let classes pickled by reference be found where the writing process found them."""
    sys.path.extend(entry for entry in entries if entry not in sys.path)


def _culprit(value: Any, name: str = "workload", depth: int = 0) -> str:
    """Name the innermost part of `value` that cannot be pickled, as `model.encoder.lock, a lock`."""
    if depth < _DEEPEST:
        for part, inner in _parts(value):
            if not _can_be_pickled(inner):
                return _culprit(inner, f"{name}{part}", depth + 1)
    return f"{name}, an object of type {type(value).__name__},"


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", inner) for key, inner in value.items()]
    if isinstance(value, list | tuple | set):
        return [(f"[{index}]", inner) for index, inner in enumerate(value)]
    closure = getattr(value, "__closure__", None) or ()
    names = getattr(getattr(value, "__code__", None), "co_freevars", ())
    variables = [(f" closing over {name!r}", cell.cell_contents) for name, cell in zip(names, closure, strict=True)]
    return variables + _attributes(value)


def _attributes(value: Any) -> list[tuple[str, Any]]:
    state = dict(getattr(value, "__dict__", {}))
    modules = state.pop("_modules", {}) or {}
    return [(f".{name}", inner) for name, inner in {**state, **modules}.items()]


def _can_be_pickled(value: Any) -> bool:
    try:
        cloudpickle.dumps(value)
    except Exception:  # noqa: BLE001 (a __reduce__ of the user's may raise anything)
        return False
    return True
