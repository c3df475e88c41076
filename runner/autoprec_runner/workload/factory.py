"""A workload made by a function of the user's: "path/to/file.py:factory" or "pkg.mod:factory"."""

import ast
import difflib
import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, TypeVar

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.source import WorkloadSource
from autoprec_runner.workload.workload import Workload

_T = TypeVar("_T")

_FORMS = '"path/to/file.py:factory" or "package.module:factory"'
_RESULTS = "an nn.Module, a Workload, (model, batch) or (model, batch, loss)"
_TRACEBACK_FRAMES = 4


@dataclass(frozen=True)
class FactorySource(WorkloadSource):
    """A function without required arguments that returns the workload.

    Loading puts the file's folder (or, for a module, the working folder) on `sys.path` and leaves it there, since the
    model may import its neighbours as late as in `forward`. Load it in a process of its own.

    Attributes:
        ref: "path/to/file.py:factory" or "package.module:factory".
        folder: The folder that a relative path or a module starts from; the working folder where the source was made.

    Raises:
        WorkloadError: The reference is malformed, or there is no such file or module, or the file is not Python.
    """

    kind: ClassVar[str] = "factory"

    ref: str
    folder: str = field(default_factory=lambda: str(Path.cwd()))

    def __post_init__(self) -> None:
        """Check what can be checked without running the user's code."""
        target, _ = self._parts()
        if _is_file(target):
            _check_file(self._path(), self.ref)
        else:
            _check_module(target, self.folder, self.ref)

    def load(self, *, seed: int = 0) -> Workload:
        """Import the file or module, call the factory and return its workload."""
        from autoprec_runner.workload.seeding import seeded  # noqa: PLC0415 (the parent process needs no torch)

        _, name = self._parts()
        with seeded(seed):
            module = self._run(self._import, "cannot be imported")
            factory = _attribute(module, name, self.ref)
            return self._workload(factory)

    def _parts(self) -> tuple[str, str]:
        target, colon, name = self.ref.rpartition(":")
        if not colon or not target or not name.isidentifier():
            raise WorkloadError(f"Malformed workload reference {self.ref!r}. Write {_FORMS}.")
        return target, name

    def _path(self) -> Path:
        return Path(self.folder, Path(self._parts()[0]).expanduser())

    def _import(self) -> ModuleType:
        target, _ = self._parts()
        path = self._path()
        _prepend_to_sys_path(path.parent if _is_file(target) else Path(self.folder))
        return _import_file(path) if _is_file(target) else importlib.import_module(target)

    def _workload(self, factory: Any) -> Workload:
        if (ready := _as_workload(factory)) is not None:
            return ready
        _check_arguments(factory, self.ref)
        result = self._run(factory, "raised an error")
        workload = _as_workload(result)
        if workload is None:
            raise WorkloadError(f"{self.ref} returned {_type_text(result)}. A factory returns {_RESULTS}.")
        return workload

    def _run(self, action: Callable[[], _T], failure: str) -> _T:
        try:
            return action()
        except (Exception, SystemExit) as error:
            raise WorkloadError(f"{self.ref} {failure}:\n{_tail(error)}") from error


def _is_file(target: str) -> bool:
    return target.endswith(".py") or "/" in target or "\\" in target


def _check_file(path: Path, ref: str) -> None:
    if not path.is_file():
        raise WorkloadError(f"{ref}: there is no file {path}. Write {_FORMS}.")
    try:
        ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise WorkloadError(f"{ref}: {path} is not valid Python: {error}.") from error


def _check_module(name: str, folder: str, ref: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise WorkloadError(f"Malformed workload reference {ref!r}: {name!r} is not a module's name. Write {_FORMS}.")
    if not _has_module(name, folder):
        raise WorkloadError(f"{ref}: there is no module {name!r}, neither installed nor in {folder}. Write {_FORMS}.")


def _has_module(name: str, folder: str) -> bool:
    """Look for a module without importing its packages, as `importlib.util.find_spec` would."""
    top, *parts = name.split(".")
    spec = _find_top(top, folder)
    if spec is None:
        return False
    locations = [Path(each) for each in spec.submodule_search_locations or ()]
    for part in parts:
        if not any(_holds_module(location, part) for location in locations):
            return False
        locations = [location / part for location in locations]
    return True


def _find_top(name: str, folder: str) -> importlib.machinery.ModuleSpec | None:
    found = importlib.machinery.PathFinder.find_spec(name, [folder, *sys.path])
    if found is not None:
        return found
    specs = (finder.find_spec(name, None, None) for finder in sys.meta_path if hasattr(finder, "find_spec"))
    return next((spec for spec in specs if spec is not None), None)


def _holds_module(location: Path, name: str) -> bool:
    suffixes = importlib.machinery.all_suffixes()
    return (location / name).is_dir() or any((location / f"{name}{suffix}").is_file() for suffix in suffixes)


def _prepend_to_sys_path(folder: Path) -> None:
    text = str(folder.resolve())
    if text not in sys.path:
        sys.path.insert(0, text)


def _import_file(path: Path) -> ModuleType:
    """Run a file as a module named after it, or by a name of ours where that one is taken."""
    name = path.stem if _is_free(path.stem, path) else f"autoprec_workload_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # classes of the module are pickled by reference, if by anybody
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _is_free(name: str, path: Path) -> bool:
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None) == str(path)
    return name not in sys.stdlib_module_names


def _attribute(module: ModuleType, name: str, ref: str) -> Any:
    if hasattr(module, name):
        return getattr(module, name)
    own = sorted(key for key, value in vars(module).items() if _is_factory(value, module))
    near = difflib.get_close_matches(name, own, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise WorkloadError(f"{ref}: there is no {name!r}.{hint} Callables there: {', '.join(own) or 'none'}.")


def _is_factory(value: Any, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def _check_arguments(factory: Any, ref: str) -> None:
    if not callable(factory):
        raise WorkloadError(f"{ref} is {_type_text(factory)}, not a callable. A factory returns {_RESULTS}.")
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # a callable written in C tells no signature
        return
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [each.name for each in parameters if each.default is each.empty and each.kind not in variadic]
    if required:
        raise WorkloadError(
            f"{ref} needs the arguments {', '.join(required)}. A factory is called without arguments: give them "
            "defaults, or write a small factory that calls it.",
        )


def _as_workload(value: Any) -> Workload | None:
    """Return the workload that a factory's result stands for, or None where it stands for none."""
    from torch import nn  # noqa: PLC0415 (the parent process needs no torch)

    if isinstance(value, Workload):
        return value
    if isinstance(value, nn.Module):
        return Workload(model=value)
    if isinstance(value, tuple) and len(value) in (2, 3) and isinstance(value[0], nn.Module):
        return Workload(**dict(zip(("model", "batch", "loss"), value, strict=False)))
    return None


def _type_text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"a tuple ({', '.join(type(each).__name__ for each in value)})"
    return "None" if value is None else f"an object of type {type(value).__name__}"


def _tail(error: BaseException) -> str:
    """Return the end of the traceback, where the user's code is."""
    return "".join(
        traceback.format_exception(type(error), error, error.__traceback__, limit=-_TRACEBACK_FRAMES)
    ).rstrip()
