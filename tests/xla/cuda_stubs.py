"""Stand-ins for NVIDIA's libraries, with which torch's CUDA build can be imported where there are none. For tests only.

torch-xla wants a torch of its own minor version, and for x86-64 the package index has only the CUDA build of it, whose
libraries from NVIDIA are 3 GB that a test on XLA's CPU device never calls. This script reads from torch's own files
which libraries and symbols the loader will ask for, and links a hollow library for each: every function answers 100,
which is `cudaErrorNoDevice`, so that torch finds no GPU. Only what registers kernels while torch is being loaded has to
return a place that can be read.

Run it with the interpreter of the environment, after ``pip install --no-deps torch torch-xla``; see `make test-xla`.
"""

import ctypes
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_NO_DEVICE = 100
_NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")
_VERSION_FILE = re.compile(r"Version: \d+\s+File: (\S+)")
_VERSION_NAME = re.compile(r"Name: (\S+)\s+Flags")
_SYMBOL = re.compile(
    r"^\s*\d+: \S+\s+\S+ \S+\s+(?P<bind>\S+)\s+\S+\s+(?P<section>\S+) (?P<name>[^\s@]+)(?:@@?(?P<version>\S+))?"
)


@dataclass(frozen=True, kw_only=True)
class Library:
    """What the loader reads of a shared library."""

    needed: frozenset[str]
    """Names of the libraries that it wants loaded before it."""
    defined: frozenset[str]
    wanted: frozenset[tuple[str, str | None]]
    """Symbols that others must define, each with its version if it has one."""
    versions: dict[str, str]
    """Which library a version of a wanted symbol comes from."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a library through readelf of binutils."""
        text = _run("readelf", "--wide", "--dynamic", "--version-info", "--dyn-syms", str(path))
        symbols = [found for line in text.splitlines() if (found := _SYMBOL.match(line))]
        return cls(
            needed=frozenset(_NEEDED.findall(text)),
            defined=frozenset(each["name"] for each in symbols if each["section"] != "UND"),
            wanted=frozenset(
                (each["name"], each["version"])
                for each in symbols
                if (each["section"], each["bind"]) == ("UND", "GLOBAL")
            ),
            versions=dict(_versions(text)),
        )


@dataclass(kw_only=True)
class Stub:
    """A library that is not there: its symbols by their version, None for those without one."""

    symbols: dict[str | None, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def source(self) -> str:
        """C code in which every function finds no device."""
        names = sorted({name for each in self.symbols.values() for name in each})
        return "\n".join(["static void *nothing[64];", *map(_function, names)])

    @property
    def version_script(self) -> str:
        """What tells the linker the version of each symbol."""
        return "\n".join(
            f"{version} {{ {'; '.join(sorted(names))}; }};" for version, names in self.symbols.items() if version
        )

    def link(self, target: Path) -> None:
        """Write the library to `target`, under whose name it is found."""
        with tempfile.TemporaryDirectory() as folder:
            code, script = Path(folder, "stub.c"), Path(folder, "versions")
            code.write_text(self.source, encoding="ascii")
            script.write_text(self.version_script, encoding="ascii")
            versions = [f"-Wl,--version-script={script}"] if self.version_script else []
            options = ["-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{target.name}", *versions]
            _run("gcc", *options, "-o", str(target), str(code))


def stubs_for(libraries: Iterable[Library]) -> dict[str, Stub]:
    """Return the missing libraries by name.

    A symbol without a version does not tell where it comes from: each library that has no versions gets all of those
    that nobody defines.
    """
    libraries = tuple(libraries)
    needed = frozenset[str]().union(*(each.needed for each in libraries))
    defined = frozenset[str]().union(*(each.defined for each in libraries))
    stubs = {name: Stub() for name in sorted(needed) if not _is_there(name)}
    homeless = set()
    for library in libraries:
        for name, version in library.wanted:
            if version is None:
                homeless.add(name)
            elif stub := stubs.get(library.versions[version]):
                stub.symbols[version].add(name)
    loaded = ctypes.CDLL(None)  # the interpreter, and what was found to be there
    homeless = {each for each in homeless - defined if not hasattr(loaded, each)}
    for stub in stubs.values():
        if not stub.symbols:
            stub.symbols[None] = homeless
    return stubs


def _function(name: str) -> str:
    if name.startswith("__"):
        return f"void *{name}(void) {{ return nothing; }}"
    return f"int {name}(void) {{ return {_NO_DEVICE}; }}"


def _is_there(name: str) -> bool:
    try:
        ctypes.CDLL(name, ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _versions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each version that is needed with the library that it is needed of."""
    file = None
    for line in text.splitlines():
        if found := _VERSION_FILE.search(line):
            file = found[1]
        elif (found := _VERSION_NAME.search(line)) and file is not None:
            yield found[1], file


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Put what is missing beside torch's own libraries."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"torch is not installed for {sys.executable}.")
    folder = Path(spec.submodule_search_locations[0]) / "lib"
    own = {path.name: Library.read(path) for path in sorted(folder.glob("*.so*"))}
    missing = {name: stub for name, stub in stubs_for(own.values()).items() if name not in own}
    for name, stub in missing.items():
        stub.link(folder / name)
    sys.stdout.write(f"Made {len(missing)} stand-ins for NVIDIA's libraries in {folder}.\n")


if __name__ == "__main__":
    main()
