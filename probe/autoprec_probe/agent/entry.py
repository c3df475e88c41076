"""One report that waits, and the file that it waits in."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

Kind = Literal["profile", "telemetry"]

_NAME = re.compile(r"(?P<number>[0-9]{12})-(?P<kind>profile|telemetry)-(?P<id>[0-9a-f]{32})\.json")
_BLOCK_BYTES = 4096
"""What a small file takes of most disks."""


@dataclass(kw_only=True)
class Entry:
    """One report that waits."""

    name: str
    """The name of its file, by which files sort in the order of the looks."""
    size: int
    held_since: float
    document: str | None = None
    """The report itself where it is in memory only; None where it is in the spool."""

    @property
    def kind(self) -> Kind:
        """Whether it holds a profile or live values alone."""
        return "profile" if self._told("kind") == "profile" else "telemetry"

    @property
    def id(self) -> str:
        """The report's id."""
        return self._told("id")

    @property
    def number(self) -> int:
        """Its place in the order."""
        return int(self._told("number"))

    @property
    def space(self) -> int:
        """The bytes that it takes: whole blocks on a disk, its own size in memory."""
        return self.size if self.document is not None else -(-self.size // _BLOCK_BYTES) * _BLOCK_BYTES

    def is_told_by(self, text: str) -> bool:
        """Return whether a text from its file is the report, and whole."""
        with suppress(ValueError, RecursionError):
            found = json.loads(text)
            return isinstance(found, dict) and found.get("id") == self.id
        return False

    def _told(self, part: str) -> str:
        found = _NAME.fullmatch(self.name)
        assert found is not None
        return found[part]


def file_name(number: int, kind: Kind, id: str) -> str:  # noqa: A002 (the report's id)
    """Return the name of the file of a report."""
    return f"{number:012d}-{kind}-{id}.json"


def is_file_name(name: str) -> bool:
    """Return whether a file of the spool is a report of ours."""
    return _NAME.fullmatch(name) is not None
