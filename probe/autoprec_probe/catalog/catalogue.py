"""All rows together: the user's files first, then autoprec's own; the first that fits is the answer."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from autoprec_probe.catalog.accelerator import AcceleratorFacts
from autoprec_probe.catalog.architecture import ArchitectureFacts
from autoprec_probe.catalog.load import VARIABLE, Rows, built_in_rows, user_rows
from autoprec_probe.catalog.names import normal_name
from autoprec_probe.errors import CatalogError
from autoprec_probe.key import device_key

Key = TypeVar("Key")
Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Every row, and where it is found by name, key or number."""

    accelerators: tuple[AcceleratorFacts, ...]
    """One row a key: a user's row takes the place of autoprec's."""
    architectures: tuple[ArchitectureFacts, ...]
    by_name: dict[str, AcceleratorFacts]
    by_key: dict[str, AcceleratorFacts]
    """Under the key of each of its names, because a device may report any of them."""
    architecture_by_name: dict[str, ArchitectureFacts]
    architecture_by_capability: dict[tuple[int, int], ArchitectureFacts]
    architecture_by_target: dict[str, ArchitectureFacts]


def catalogue() -> Catalogue:
    """Return the catalogue of this process's `AUTOPREC_CATALOG`; each is read once.

    Raises:
        CatalogError: A file of the user's cannot be used.
    """
    return _catalogue(os.environ.get(VARIABLE, ""))


@cache
def _catalogue(paths: str) -> Catalogue:
    users = [user_rows(path) for path in paths.split(os.pathsep) if path]
    return assembled([*users, built_in_rows()])


def assembled(files: Iterable[Rows]) -> Catalogue:
    """Return the catalogue of some files, the first of which wins.

    Raises:
        CatalogError: Two rows of one file say something of the same thing, or a row is of an unknown architecture.
    """
    files = tuple(files)
    for file in files:
        _refuse_doubles(file)
    accelerators = tuple(_first((row.key, row) for file in files for row in file.accelerators).values())
    architectures = tuple(row for file in files for row in file.architectures)
    found = Catalogue(
        accelerators=accelerators,
        architectures=architectures,
        by_name=_first((normal_name(name), row) for row in accelerators for name in row.names),
        by_key=_first((device_key(row.vendor, name), row) for row in accelerators for name in row.names),
        architecture_by_name=_first((name, row) for row in architectures for name in (row.name, *row.aliases)),
        architecture_by_capability=_first((each, row) for row in architectures for each in row.compute_capabilities),
        architecture_by_target=_first((each, row) for row in architectures for each in row.gfx_targets),
    )
    for row in accelerators:
        _refuse_unknown_architecture(row, found)
    return found


def _first(pairs: Iterable[tuple[Key, Row]]) -> dict[Key, Row]:
    found: dict[Key, Row] = {}
    for key, row in pairs:
        found.setdefault(key, row)
    return found


def _refuse_doubles(file: Rows) -> None:
    claims = [(f"the name {normal_name(each)!r}", row.key) for row in file.accelerators for each in row.names]
    claims += [(f"the key {row.key!r}", f"row {number}") for number, row in enumerate(file.accelerators, 1)]
    for row in file.architectures:
        claims += [(f"the compute capability {each[0]}.{each[1]}", row.name) for each in row.compute_capabilities]
        claims += [(f"the target {each}", row.name) for each in row.gfx_targets]
    owners: dict[str, str] = {}
    for what, owner in claims:
        if what in owners:
            raise CatalogError(f"{file.origin}: {what} stands twice ({owners[what]}, {owner}); keep one.")
        owners[what] = owner


def _refuse_unknown_architecture(row: AcceleratorFacts, found: Catalogue) -> None:
    if row.architecture not in found.architecture_by_name:
        known = ", ".join(dict.fromkeys(each.name for each in found.architectures))
        raise CatalogError(
            f"{row.origin}: accelerator {row.key!r}, field architecture: there is no {row.architecture!r}. Known: "
            f"{known}. Use one of these, or add a row [[architecture]] for it."
        )
