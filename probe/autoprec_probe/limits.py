"""What control groups leave to this process: its share of the cores' time and of the memory.

A group can be cut by any of its ancestors, so that the tightest one counts. Sources: Linux `admin-guide/cgroup-v2.rst`
(`cpu.max`, `memory.max`), `scheduler/sched-bwc.rst` (`cpu.cfs_quota_us`), `admin-guide/cgroup-v1/memory.rst`.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from autoprec_probe.reader import Reader

_ROOT = "/sys/fs/cgroup"
_NO_LIMIT = 2**60
"""Version 1 spells "no limit" as the largest multiple of a page."""


class _Hierarchy(NamedTuple):
    """One mounted tree of groups: its version, the controllers that it holds, and where this process is in it."""

    unified: bool
    controllers: frozenset[str]
    mount_point: str
    group: str


def cpu_quota(reader: Reader) -> float | None:
    """Return how many cores' time this process may use, None where nothing limits it."""
    return _tightest(reader, "cpu", _quota_v2, _quota_v1)


def memory_limit_bytes(reader: Reader) -> int | None:
    """Return what this process may use of the memory, None where nothing limits it."""
    limit = _tightest(reader, "memory", _memory_v2, _memory_v1)
    return None if limit is None else int(limit)


_Limit = Callable[[Reader, str], float | None]


def _tightest(reader: Reader, controller: str, unified: _Limit, legacy: _Limit) -> float | None:
    limits = [
        (unified if tree.unified else legacy)(reader, folder)
        for tree in _hierarchies(reader)
        if tree.unified or controller in tree.controllers
        for folder in _ancestry(tree)
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def _ancestry(tree: _Hierarchy) -> Iterator[str]:
    """Yield the folder of the group and of each of its ancestors that this process can see, the root included."""
    parts = [part for part in tree.group.split("/") if part not in {"", ".."}]
    for depth in range(len(parts), -1, -1):
        yield "/".join([tree.mount_point, *parts[:depth]])


def _hierarchies(reader: Reader) -> Iterator[_Hierarchy]:
    mounts = tuple(_mounts(reader.read_text("/proc/self/mountinfo") or ""))
    for line in (reader.read_text("/proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        names, _, group = rest.partition(":")
        usual = f"{_ROOT}/{names}" if names else _ROOT
        yield _placed(_Hierarchy(not names, frozenset(names.split(",")), usual, group), mounts)


def _placed(tree: _Hierarchy, mounts: tuple[_Hierarchy, ...]) -> _Hierarchy:
    """Find where a tree is mounted; a container sees its own group, or an ancestor of it, as the root of the mount."""
    fitting = (m for m in mounts if m.unified == tree.unified and (tree.unified or tree.controllers & m.controllers))
    found = next(fitting, None)
    if found is None:
        return tree
    return tree._replace(mount_point=found.mount_point, group=tree.group.removeprefix(found.group.rstrip("/")))


def _mounts(mountinfo: str) -> Iterator[_Hierarchy]:
    """Yield the mounted trees; `group` is the group at the root of the mount. Source: proc(5), mountinfo."""
    for line in mountinfo.splitlines():
        fields, _, rest = line.partition(" - ")
        parts, kind = fields.split(), rest.split()
        if len(parts) > 4 and len(kind) > 2 and kind[0] in {"cgroup", "cgroup2"}:  # noqa: PLR2004 (columns)
            yield _Hierarchy(kind[0] == "cgroup2", frozenset(kind[2].split(",")), parts[4], parts[3])


def _quota_v2(reader: Reader, folder: str) -> float | None:
    """Read `<quota> <period>` in microseconds, or `max <period>`."""
    found = re.match(r"(\d+) (\d+)", reader.read_text(f"{folder}/cpu.max") or "")
    return int(found[1]) / int(found[2]) if found and int(found[2]) else None


def _quota_v1(reader: Reader, folder: str) -> float | None:
    """Read quota and period in microseconds; a quota of -1 limits nothing."""
    quota, period = (_number(reader, f"{folder}/cpu.cfs_{name}_us") for name in ("quota", "period"))
    return quota / period if quota and period else None


def _memory_v2(reader: Reader, folder: str) -> float | None:
    return _number(reader, f"{folder}/memory.max")


def _memory_v1(reader: Reader, folder: str) -> float | None:
    limit = _number(reader, f"{folder}/memory.limit_in_bytes")
    return limit if limit is not None and limit < _NO_LIMIT else None


def _number(reader: Reader, path: str) -> int | None:
    """Return the number in a file, None for `max`, for -1 and where there is no such file."""
    text = (reader.read_text(path) or "").strip()
    return int(text) if text.isdecimal() else None
