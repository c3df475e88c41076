"""From a file of the catalogue to checked rows, or to an error that names file, row and field."""

import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from autoprec_probe.catalog.accelerator import AcceleratorFacts, AcceleratorRow
from autoprec_probe.catalog.architecture import ArchitectureFacts, ArchitectureRow, Remark
from autoprec_probe.catalog.file import AcceleratorsFile, ArchitecturesFile, CatalogFile
from autoprec_probe.errors import CatalogError

VARIABLE = "AUTOPREC_CATALOG"
"""Names the user's own files, separated as in PATH."""
BUILT_IN = "autoprec"
"""The origin of the rows that autoprec brings."""

_WAY_OUT = f"docs/catalog.md shows what a row holds. Correct the file, or take it out of {VARIABLE}."
_ROWS: dict[object, type[AcceleratorRow | ArchitectureRow]] = {
    "accelerator": AcceleratorRow,
    "architecture": ArchitectureRow,
}
_FILE_DEPTH, _ROW_DEPTH = 1, 3
"""How deep in a file a wrong name stands: `(name,)` or `(kind, number, name)`; deeper ones are of a remark."""

File = TypeVar("File", AcceleratorsFile, ArchitecturesFile, CatalogFile)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of one file."""

    origin: str
    """`autoprec`, or the path of the file."""
    accelerators: tuple[AcceleratorFacts, ...] = ()
    architectures: tuple[ArchitectureFacts, ...] = ()


@cache
def built_in_architectures() -> tuple[ArchitectureFacts, ...]:
    """Return the architectures that autoprec brings."""
    file = _checked(ArchitecturesFile, _shipped("architectures.toml"), "architectures.toml")
    return _architectures(file.architecture, file.sources, BUILT_IN)


def built_in_rows() -> Rows:
    """Return the rows that autoprec brings."""
    file = _checked(AcceleratorsFile, _shipped("accelerators.toml"), "accelerators.toml")
    return Rows(
        origin=BUILT_IN,
        accelerators=_accelerators(file.accelerator, file.sources, BUILT_IN),
        architectures=built_in_architectures(),
    )


def user_rows(path: str) -> Rows:
    """Return the rows of a user's file.

    Raises:
        CatalogError: The file cannot be read, is no TOML, or holds a row that does not fit.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise CatalogError(f"{VARIABLE} names {path}, which cannot be read: {e}. Correct or unset the variable.") from e
    file = _checked(CatalogFile, text, path)
    return Rows(
        origin=path,
        accelerators=_accelerators(file.accelerator, file.sources, path),
        architectures=_architectures(file.architecture, file.sources, path),
    )


def _shipped(name: str) -> str:
    return (resources.files("autoprec_probe.catalog") / name).read_text(encoding="utf-8")


def _checked(form: type[File], text: str, path: str) -> File:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise CatalogError(f"{path} is no TOML: {e}. {_WAY_OUT}") from e
    try:
        return form.model_validate(data)
    except ValidationError as e:
        raise CatalogError(f"{path}: {_told(form, _most_telling(e.errors()), data)} {_WAY_OUT}") from e


def _accelerators(rows: Iterable[AcceleratorRow], sources: dict[str, str], origin: str) -> tuple[AcceleratorFacts, ...]:
    return tuple(
        AcceleratorFacts.model_construct(**dict(row), origin=origin, references=_references(row.sources, sources))
        for row in rows
    )


def _architectures(
    rows: Iterable[ArchitectureRow],
    sources: dict[str, str],
    origin: str,
) -> tuple[ArchitectureFacts, ...]:
    return tuple(ArchitectureFacts.model_construct(**dict(row), origin=origin, references=sources) for row in rows)


def _references(named: Iterable[str], sources: dict[str, str]) -> dict[str, str]:
    return {each: sources.get(each, each) for each in named}


def _most_telling(errors: list[ErrorDetails]) -> ErrorDetails:
    """A misspelt field is one too many and one too few: the former says more."""
    return next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])


def _told(form: type[AcceleratorsFile | ArchitecturesFile], error: ErrorDetails, data: dict[str, Any]) -> str:
    """Turn pydantic's first error into a sentence that names row, field, what was given and what is allowed."""
    where = error["loc"]
    parts = [_row_name(where, data)] if len(where) > 1 and isinstance(where[1], int) else []
    field = ".".join(str(each) for each in (where[2:] if parts else where) if each != "[key]")
    parts += [f"field {field}"] if field else []
    place = ", ".join(parts) + ": " if parts else ""
    if error["type"] == "extra_forbidden":
        return f"{place}there is no such field. {_allowed(form, where)}"
    given = "" if error["type"] in {"missing", "value_error"} else f" (given: {error['input']!r})"
    return f"{place}{error['msg'].removeprefix('Value error, ')}{given}."


def _row_name(where: tuple[int | str, ...], data: dict[str, Any]) -> str:
    kind, number = str(where[0]), where[1]
    assert isinstance(number, int), "rows are counted"
    row = data[kind][number]
    name = (row.get("key") or row.get("name")) if isinstance(row, dict) else None
    return f"{kind} {name!r}" if name else f"{kind} number {number + 1}"


def _allowed(form: type[AcceleratorsFile | ArchitecturesFile], where: tuple[int | str, ...]) -> str:
    model = {_FILE_DEPTH: form, _ROW_DEPTH: _ROWS.get(where[0])}.get(len(where)) or Remark
    near = difflib.get_close_matches(str(where[-1]), model.model_fields, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{hint}Allowed: {', '.join(model.model_fields)}."
