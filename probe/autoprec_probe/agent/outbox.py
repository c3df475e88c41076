"""The reports that the service has not acknowledged yet: in the spool, or in memory where it takes none."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from autoprec_probe.agent.clock import Clock
from autoprec_probe.agent.log import log
from autoprec_probe.agent.report import Report
from autoprec_probe.agent.spool import Spool

Kind = Literal["profile", "telemetry"]

_NAME = re.compile(r"(?P<number>[0-9]{12})-(?P<kind>profile|telemetry)-(?P<id>[0-9a-f]{32})\.json")
_BLOCK_BYTES = 4096
"""What a small file takes of most disks."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much may wait. Reports with a profile are never given up; the oldest of the others go first."""

    spool_bytes: int = 64 << 20
    memory_bytes: int = 2 << 20
    telemetry_seconds: float = 86_400.0
    """How long live values are held. It is counted while an agent runs, so that no jump of the clock shortens it."""


@dataclass(kw_only=True)
class Entry:
    """One report that waits."""

    number: int
    kind: Kind
    id: str
    size: int
    held_since: float
    document: str | None
    """The report itself where it is in memory only; None where it is in the spool."""

    @property
    def name(self) -> str:
        """The name of its file, by which files sort in the order of the looks."""
        return f"{self.number:012d}-{self.kind}-{self.id}.json"


class Outbox:
    """Holds reports in their order until they are delivered, refused, or given up.

    A spool that cannot be written never raises here: reports then wait in memory, which is said once.
    """

    def __init__(self, spool: Spool, clock: Clock, bounds: Bounds | None = None) -> None:
        self._spool = spool
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._entries: dict[int, Entry] = {}
        self._leftovers: set[str] = set()
        self._trouble: str | None = None
        self._told_drop: str | None = None
        self._next = 1
        self._taken_over = False
        self.dropped = 0
        self._take_over()

    def __len__(self) -> int:
        """Return how many reports wait."""
        return len(self._entries)

    @property
    def unsafe(self) -> int:
        """How many reports are in memory only."""
        return len(self._in_memory())

    def add(self, report: Report) -> None:
        """Take a report, in memory until `settle` is called."""
        document = report.model_dump_json(exclude_defaults=True, round_trip=True)
        kind = _kind(profile=report.profile is not None)
        self._put(kind=kind, id=report.id, size=len(document.encode()), document=document)

    def batch(self, most: int, most_bytes: int) -> list[tuple[Entry, str]]:
        """Return the oldest reports that fit, at least one of them if any waits.

        What cannot be read from the spool, or is no report, is set aside.
        """
        chosen: list[tuple[Entry, str]] = []
        room = most_bytes
        for entry in list(self._entries.values()):
            if chosen and (len(chosen) >= most or entry.size > room):
                break
            document = self._document(entry)
            if document is not None:
                chosen.append((entry, document))
                room -= entry.size
        return chosen

    def delivered(self, entries: list[Entry]) -> None:
        """Let go of reports that the service has acknowledged."""
        for entry in entries:
            self._remove(entry)
        if not self._entries:
            self._told_drop = None

    def refused(self, entry: Entry, document: str, reason: str) -> None:
        """Set a report aside that the service will never take."""
        try:
            where = str(self._spool.set_aside(entry.name, document, reason))
        except OSError as e:
            where = f"nowhere, because the spool cannot be written ({e.strerror})"
        log.error("A report was refused and is set aside in %s: %s", where, reason)
        self._remove(entry)

    def settle(self) -> None:
        """Bring what is only in memory to the disk, and give up what is beyond the bounds."""
        self._take_over()
        self._touch()
        self._remove_leftovers()
        self._give_up_the_old()
        for entry in self._in_memory():
            if not self._store(entry):
                break
        self._give_up("spool", self._bounds.spool_bytes)
        self._give_up("memory", self._bounds.memory_bytes)

    def close(self) -> None:
        """Let go of the spool."""
        self._spool.close()

    def _take_over(self) -> None:
        """Put what an earlier run of the agent left in the spool before everything else, once."""
        if self._taken_over:
            return
        try:
            sizes = {name: self._spool.size(name) for name in self._spool.names()}
        except OSError as e:
            self._tell_trouble(e)
            return
        self._taken_over = True
        later, self._entries = list(self._entries.values()), {}
        for name, size in sizes.items():
            found = _NAME.fullmatch(name)
            if found is not None:
                self._next = int(found["number"])
                self._put(kind=_kind(profile=found["kind"] == "profile"), id=found["id"], size=size, document=None)
        for entry in later:
            self._put(kind=entry.kind, id=entry.id, size=entry.size, document=entry.document)

    def _in_memory(self) -> list[Entry]:
        return [each for each in self._entries.values() if each.document is not None]

    def _touch(self) -> None:
        try:
            self._spool.touch()
        except OSError as e:
            self._tell_trouble(e)

    def _put(self, *, kind: Kind, id: str, size: int, document: str | None) -> None:  # noqa: A002 (the report's id)
        entry = Entry(
            number=self._next,
            kind=kind,
            id=id,
            size=size,
            held_since=self._clock.monotonic(),
            document=document,
        )
        self._entries[entry.number] = entry
        self._next += 1

    def _document(self, entry: Entry) -> str | None:
        if entry.document is not None:
            return entry.document
        try:
            document = self._spool.read(entry.name)
        except OSError as e:
            log.error("The spooled report %s cannot be read and is left out: %s", entry.name, e.strerror)
            self._entries.pop(entry.number)
            return None
        if _is_report(document, entry.id):
            return document
        self.refused(entry, document, "It is no whole report; the disk may be damaged.")
        return None

    def _store(self, entry: Entry) -> bool:
        assert entry.document is not None
        try:
            self._spool.write(entry.name, entry.document)
        except OSError as e:
            self._tell_trouble(e)
            return False
        entry.document = None
        if self._trouble is not None:
            log.info("The spool %s can be written again.", self._spool.folder)
            self._trouble = None
        return True

    def _tell_trouble(self, error: OSError) -> None:
        """Say once what is wrong with the spool, and again only when something else is."""
        trouble = error.strerror or str(error)
        if trouble != self._trouble:
            log.warning(
                "The spool %s cannot be used (%s): the latest reports are kept in memory, and lost if the agent ends.",
                self._spool.folder,
                trouble,
            )
        self._trouble = trouble

    def _remove(self, entry: Entry) -> None:
        self._entries.pop(entry.number, None)
        if entry.document is None:
            self._leftovers.add(entry.name)
            self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        """Remove the files of what has gone; what cannot be removed is sent again by the next run, which is safe."""
        for name in sorted(self._leftovers):
            try:
                self._spool.remove(name)
            except OSError as e:
                self._tell_trouble(e)
                return
            self._leftovers.discard(name)

    def _give_up_the_old(self) -> None:
        oldest = self._clock.monotonic() - self._bounds.telemetry_seconds
        old = [each for each in self._entries.values() if each.kind == "telemetry" and each.held_since < oldest]
        self._drop(old, "they waited too long")

    def _give_up(self, where: Literal["spool", "memory"], allowed: int) -> None:
        """Give up the oldest live values until the rest fits."""
        held = [each for each in self._entries.values() if (each.document is None) == (where == "spool")]
        excess = sum(_space(each) for each in held) - allowed
        chosen: list[Entry] = []
        for entry in held:
            if excess <= 0:
                break
            if entry.kind == "telemetry":
                chosen.append(entry)
                excess -= _space(entry)
        self._drop(chosen, f"the {where} is full")

    def _drop(self, entries: list[Entry], why: str) -> None:
        for entry in entries:
            self._remove(entry)
        self.dropped += len(entries)
        if entries and why != self._told_drop:
            log.warning(
                "The oldest live values are given up because %s, %d reports so far; profiles are kept.",
                why,
                self.dropped,
            )
            self._told_drop = why


def _kind(*, profile: bool) -> Kind:
    return "profile" if profile else "telemetry"


def _space(entry: Entry) -> int:
    """Return what a report takes: whole blocks on a disk, its own size in memory."""
    return entry.size if entry.document is not None else -(-entry.size // _BLOCK_BYTES) * _BLOCK_BYTES


def _is_report(document: str, id: str) -> bool:  # noqa: A002 (the report's id)
    with suppress(ValueError, RecursionError):
        found = json.loads(document)
        return isinstance(found, dict) and found.get("id") == id
    return False
