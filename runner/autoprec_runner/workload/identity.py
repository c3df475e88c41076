"""What a value or a function is, in terms that are the same in every process: no addresses, paths or line numbers."""

import dataclasses
import dis
import enum
import functools
import hashlib
import json
import sys
import sysconfig
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_DIGITS = 16
# Of a Hugging Face configuration: where the weights came from, and in which dtype, which the parameters tell.
_ORIGIN = frozenset(
    {"_commit_hash", "_name_or_path", "architectures", "dtype", "name_or_path", "torch_dtype", "transformers_version"},
)
_ATTRIBUTE_OPCODES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})
_MAKING = frozenset({"__init__"})
_STORING_OPCODES = frozenset({"STORE_ATTR"})
_GLOBAL_OPCODES = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_LIBRARY_FOLDERS = tuple({sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")})


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits (of SHA-256) for a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def identity(value: Any) -> Any:
    """Return a JSON value that is equal for equal settings, functions and objects, in every process.

    Tensors and arrays count by dtype and shape alone, functions by their code and by what it refers to, objects by
    their type and, where they are plain data or configurations, their fields. The code is Python's bytecode, so it
    differs between minor versions of Python.
    """
    return _Identifier().of(value)


def methods_identity(kind: type, names: Iterable[str]) -> Any:
    """Return the identity of the methods of a type with these names; not of Python's and torch's, nor of `__init__`."""
    identifier = _Identifier()
    found = [[name, identifier.definitions(kind, name)] for name in sorted(frozenset(names) - _MAKING)]
    return [[name, described] for name, described in found if described]


@dataclasses.dataclass(frozen=True)
class Reach:
    """The attributes that the code of some types loads and stores, by name, wherever they may be."""

    loaded: frozenset[str]
    stored: frozenset[str]


def reach(kinds: Iterable[type], names: Iterable[str]) -> Reach:
    """Return what the methods of `kinds` with these names refer to, and the methods of any of them that those name.

    Which object an attribute belongs to cannot be told from the code, so that names count for all types alike. How an
    object is made is left out: what that stores is what the object is.
    """
    kinds, due = frozenset(kinds), set(names) - _MAKING
    found = set(due)
    loaded: set[str] = set()
    stored: set[str] = set()
    while due:
        functions = [each for kind in kinds for name in due for each in _own_functions(kind, name)]
        mentioned = {name for each in functions for name in _names(each.__code__, _ATTRIBUTE_OPCODES)}
        stored.update(name for each in functions for name in _names(each.__code__, _STORING_OPCODES))
        loaded |= mentioned
        due = mentioned - found - _MAKING
        found |= due
    return Reach(frozenset(loaded), frozenset(stored))


def type_name(kind: type) -> str:
    """Return how a type is called: with its module where a library defines it, else without, as modules move."""
    return f"{kind.__module__}.{kind.__qualname__}" if _is_library(kind.__module__) else kind.__qualname__


class _Identifier:
    """One walk over a value. A function seen already is only named, a value inside itself is a cycle: the walk ends."""

    def __init__(self) -> None:
        self._seen: set[CodeType] = set()
        self._open: list[int] = []

    def of(self, value: Any) -> Any:
        if id(value) in self._open:
            return ["cycle", type_name(type(value))]
        self._open.append(id(value))
        try:
            return self._of(value)
        finally:
            self._open.pop()

    def _of(self, value: Any) -> Any:
        for kinds, describe in _DESCRIPTIONS:
            if isinstance(value, kinds):
                return describe(self, value)
        return self._object(value)

    def _text(self, value: str) -> Any:
        return "a path" if PurePath(value).is_absolute() else value

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        return sorted(([self._key(key), self.of(inner)] for key, inner in value.items()), key=_order)

    def _key(self, key: Any) -> Any:
        return json.dumps(self.of(key), sort_keys=True)

    def _sequence(self, value: tuple[Any, ...] | list[Any]) -> Any:
        return [type(value).__name__, *(self.of(inner) for inner in value)]

    def _set(self, value: set[Any] | frozenset[Any]) -> Any:
        return ["set", *sorted((self.of(inner) for inner in value), key=_order)]

    def _tensor(self, value: Any) -> Any:
        return ["tensor", str(value.dtype), list(value.shape)]

    def _type(self, value: type) -> Any:
        return ["type", type_name(value)]

    def _partial(self, value: functools.partial[Any]) -> Any:
        return ["partial", self.of(value.func), self.of(value.args), self.of(value.keywords)]

    def _method(self, value: MethodType) -> Any:
        return ["method", *self.definitions(type(value.__self__), value.__name__)]

    def _function(self, value: FunctionType) -> Any:
        if _is_library(value.__module__):
            return ["function", f"{value.__module__}.{value.__qualname__}"]
        return ["function", self.code(value)]

    def _global(self, value: Any, function: Any) -> Any:
        """Describe a global; of a module of the user's, whatever the function mentions of it."""
        if not isinstance(value, ModuleType) or _is_library(value.__name__):
            return self.of(value)
        names = [name for name in _names(function.__code__, _ATTRIBUTE_OPCODES) if hasattr(value, name)]
        return ["module", [[name, self.of(getattr(value, name))] for name in names]]

    def _module(self, value: nn.Module) -> Any:
        """Describe a module held as a value (a loss, say) by its type, settings, code and children."""
        children = [[name, self.of(child)] for name, child in value.named_children()]
        return [type_name(type(value)), value.extra_repr(), self.definitions(type(value), "forward"), children]

    def _object(self, value: Any) -> Any:
        kind = type(value)
        fields = getattr(value, "__dict__", {})
        if hasattr(kind, "model_type"):
            known = {key: each for key, each in fields.items() if key not in _ORIGIN}
            return [type_name(kind), self._mapping(known)]
        if (
            isinstance(value, SimpleNamespace | Namespace)
            or dataclasses.is_dataclass(value)
            or hasattr(kind, "to_dict")
        ):
            return [type_name(kind), self._mapping(fields)]
        if callable(value) and not _is_library(kind.__module__):
            return [type_name(kind), self._mapping(fields), self.definitions(kind, "__call__")]
        if _is_library(kind.__module__):
            return type_name(kind)
        # Of a plain object of the user's, such as a configuration, what can be told without looking into others.
        plain = {key: each for key, each in fields.items() if not key.startswith("_") and is_plain(each)}
        return [type_name(kind), self._mapping(plain)]

    def code(self, function: Any, owner: type | None = None) -> Any:
        """Describe a function by its code, its defaults and whatever it refers to."""
        code = function.__code__
        if code in self._seen:
            return ["seen", function.__qualname__.rpartition(".")[2]]
        self._seen.add(code)
        return {
            "code": _code(code),
            "defaults": [self.of(function.__defaults__), self.of(function.__kwdefaults__)],
            "closure": [self._cell(cell) for cell in function.__closure__ or ()],
            "globals": [[name, self._global(value, function)] for name, value in _globals(function)],
            "methods": [] if owner is None else self._reached(function, owner),
        }

    def _reached(self, function: Any, owner: type) -> list[Any]:
        """Describe the methods of `owner` that a function mentions."""
        names = [name for name in _names(function.__code__, _ATTRIBUTE_OPCODES) if hasattr(owner, name)]
        return [[name, self.definitions(owner, name)] for name in names]

    def _cell(self, cell: Any) -> Any:
        try:
            value = cell.cell_contents
        except ValueError:  # a cell that is not filled yet
            return None
        if isinstance(value, FunctionType) and not _is_foundation(value.__module__):
            return self.code(value)  # what a decorator wraps is the function itself, also inside a library
        return self.of(value)

    def definitions(self, owner: type, name: str) -> list[Any]:
        """Describe every definition of a method along the bases of `owner`, as `super()` may reach all of them."""
        return [self.code(each, owner) for each in _own_functions(owner, name)]


_DESCRIPTIONS: tuple[tuple[Any, Callable[[_Identifier, Any], Any]], ...] = (
    (enum.Enum, lambda _, value: [type_name(type(value)), value.name]),
    (type(None) | bool | int, lambda _, value: value),
    (str, _Identifier._text),  # noqa: SLF001 (the table of the class beside it)
    (float | complex, lambda _, value: ["float", repr(value)]),
    (bytes, lambda _, value: value.hex()),
    (Tensor | np.ndarray, _Identifier._tensor),  # noqa: SLF001
    (np.generic, lambda self, value: self.of(value.item())),
    (torch.dtype | torch.memory_format | torch.layout, lambda _, value: str(value)),
    (torch.device, lambda _, __: "a device"),
    (Mapping, _Identifier._mapping),  # noqa: SLF001
    (tuple | list, _Identifier._sequence),  # noqa: SLF001
    (set | frozenset, _Identifier._set),  # noqa: SLF001
    (type, _Identifier._type),  # noqa: SLF001
    (functools.partial, _Identifier._partial),  # noqa: SLF001
    (MethodType, _Identifier._method),  # noqa: SLF001
    (FunctionType, _Identifier._function),  # noqa: SLF001
    (BuiltinFunctionType, lambda _, value: ["function", f"{value.__module__}.{value.__qualname__}"]),
    (ModuleType, lambda _, value: ["module", value.__name__]),
    (nn.Module, _Identifier._module),  # noqa: SLF001
)


def _own_functions(owner: type, name: str) -> list[FunctionType]:
    """Return the definitions of a method along the bases of `owner`, those of Python and torch left out."""
    found = [vars(kind)[name] for kind in owner.__mro__ if name in vars(kind)]
    functions = [getattr(each, "fget", getattr(each, "__func__", each)) for each in found]
    return [each for each in functions if isinstance(each, FunctionType) and not _is_foundation(each.__module__)]


def is_plain(value: Any) -> bool:
    """Tell whether a value is a number, a text, a function and the like, or a tuple of such: nothing that fills up."""
    if isinstance(value, tuple):
        return all(map(is_plain, value))
    return isinstance(value, str | int | float | enum.Enum | torch.dtype | None) or callable(value)


def _order(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@functools.cache
def _is_library(module_name: str | None) -> bool:
    """Tell whether a module is installed or part of Python: functions of such modules are known by their names."""
    if _is_foundation(module_name):
        return True
    file = getattr(sys.modules.get(str(module_name)), "__file__", None) or ""
    return file.startswith(_LIBRARY_FOLDERS)


def _is_foundation(module_name: str | None) -> bool:
    """Tell whether a module belongs to Python or torch, whose code is never looked at."""
    top = "torch" if module_name is None else module_name.partition(".")[0]
    return top == "torch" or (top in sys.stdlib_module_names and top != "__main__")


def _code(code: CodeType) -> Any:
    constants = [_constant(each) for each in code.co_consts]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    return [code.co_name, code.co_code.hex(), code.co_exceptiontable.hex(), code.co_flags, constants, names]


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, tuple):
        return [_constant(each) for each in value]
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


@functools.lru_cache(maxsize=4096)
def _names(code: CodeType, opcodes: frozenset[str]) -> tuple[str, ...]:
    instructions = (each for inner in _codes(code) for each in dis.get_instructions(inner))
    return tuple(sorted({each.argval for each in instructions if each.opname in opcodes}))


def _globals(function: Any) -> list[tuple[str, Any]]:
    """Return the globals that a function reads, in order of their names."""
    names = _names(function.__code__, _GLOBAL_OPCODES)
    return [(name, function.__globals__[name]) for name in names if name in function.__globals__]
