"""The libraries that a workload imports."""

import os
import site
import sys
import sysconfig
from collections.abc import Mapping
from types import ModuleType

from pydantic import BaseModel, ConfigDict


class Libraries(BaseModel):
    """What was imported of the libraries that are installed, and what became of the environment meanwhile."""

    model_config = ConfigDict(frozen=True)

    modules: tuple[str, ...] = ()
    """In the order in which their imports began; no module of the user's own."""
    environment: dict[str, str | None] = {}
    """Variables that were set in the meantime, or removed (None), by libraries or by the user's code."""


class Imports:
    """Tells which libraries have been imported since it was made."""

    def __init__(self) -> None:
        self._modules = frozenset(sys.modules)
        self._environment = dict(os.environ)

    @property
    def libraries(self) -> Libraries:
        """What has come since."""
        folders = tuple(_library_folders())
        new = [(name, module) for name, module in sys.modules.items() if name not in self._modules]
        return Libraries(
            modules=tuple(name for name, module in new if _is_in(module, folders)),
            environment=_changes(self._environment, os.environ),
        )


def _library_folders() -> list[str]:
    folders = [*site.getsitepackages(), site.getusersitepackages(), *map(sysconfig.get_path, ("stdlib", "platstdlib"))]
    return [f"{folder}{os.sep}" for folder in folders]


def _is_in(module: ModuleType, folders: tuple[str, ...]) -> bool:
    origin = getattr(getattr(module, "__spec__", None), "origin", None)
    return isinstance(origin, str) and origin.startswith(folders)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    names = {*before, *after}
    return {name: after.get(name) for name in sorted(names) if before.get(name) != after.get(name)}
