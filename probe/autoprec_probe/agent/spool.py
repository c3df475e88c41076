"""The folder in which undelivered reports wait, one file each, and the one for those that the service refused.

A file appears under its name only when it is complete and on the disk (written beside, fsync, renamed, folder fsynced),
so that neither a crash nor a full disk leaves half a report. One agent holds the folder at a time, by a lock that ends
with its process.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from autoprec_probe.errors import ProbeError

KEPT_REFUSED = 100
"""How many refused reports are kept to be looked at; older ones are removed."""

_REFUSED = "rejected"
_LOCK = "alive"
_UNFINISHED = ".unfinished"


class SpoolTakenError(ProbeError, OSError):
    """Another agent holds the folder."""


class Spool:
    """A folder of reports. Every method may raise `OSError`: the folder may be full, read-only, or away.

    Raises:
        SpoolTakenError: Another agent holds the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None
        try:
            self._hold()
        except SpoolTakenError:
            raise
        except OSError:
            return  # it is tried again at each use, and whoever uses it is told

    def names(self) -> list[str]:
        """Return the names of the waiting reports in their order, and remove what was never finished."""
        self._hold()
        found = sorted(each.name for each in self.folder.iterdir() if each.is_file() and each.name != _LOCK)
        for name in found:
            if name.endswith(_UNFINISHED):
                self.remove(name)
        return [name for name in found if name.endswith(".json")]

    def size(self, name: str) -> int:
        """Return how many bytes a report takes."""
        return (self.folder / name).stat().st_size

    def read(self, name: str) -> str:
        """Return a waiting report."""
        return (self.folder / name).read_text(encoding="utf-8", errors="replace")

    def write(self, name: str, text: str) -> None:
        """Keep a report; it is on the disk when this returns."""
        self._hold()
        _write_durably(self.folder / name, text)

    def remove(self, name: str) -> None:
        """Remove a report that has been delivered or given up."""
        (self.folder / name).unlink(missing_ok=True)

    def set_aside(self, name: str, text: str, reason: str) -> Path:
        """Keep a report that the service refused, beside the reason, and return where."""
        folder = self.folder / _REFUSED
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / f"{name}.reason").write_text(f"{reason}\n", encoding="utf-8")
        _write_durably(folder / name, text)
        for each in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)[:-KEPT_REFUSED]:
            each.unlink(missing_ok=True)
            (folder / f"{each.name}.reason").unlink(missing_ok=True)
        return folder / name

    def touch(self) -> None:
        """Leave a sign of life: the modification time of the file `alive`."""
        self._hold()
        os.utime(self.folder / _LOCK)

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _hold(self) -> None:
        """Make the folder and lock it, unless that has been done."""
        if self._lock is not None:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            os.close(lock)
            raise SpoolTakenError(
                f"Another agent uses the spool {self.folder}. Stop it, or give this one a name or a folder of its own.",
            ) from e
        self._lock = lock


def _write_durably(path: Path, text: str) -> None:
    beside = path.with_name(path.name + _UNFINISHED)
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
