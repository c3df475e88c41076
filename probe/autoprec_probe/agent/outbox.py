"""The reports that the service has not acknowledged yet: in the spool, or in memory where it takes none."""

import errno
from dataclasses import dataclass
from typing import Literal

from autoprec_probe.agent.clock import Clock
from autoprec_probe.agent.entry import Entry, file_name, is_file_name
from autoprec_probe.agent.log import log
from autoprec_probe.agent.report import Report
from autoprec_probe.agent.spool import Spool

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much may wait. Reports with a profile are never given up; the oldest of the others go first."""

    spool_bytes: int = 64 << 20
    memory_bytes: int = 2 << 20
    telemetry_seconds: float = 86_400.0
    """How long live values are held. It is counted while an agent runs, so that no jump of the clock shortens it."""


class Outbox:
    """Holds reports in their order until they are delivered, refused, or given up.

    A spool that cannot be written never raises here: reports then wait in memory, which is said once.
    """

    def __init__(self, spool: Spool, clock: Clock, bounds: Bounds | None = None) -> None:
        self._spool = spool
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._entries: dict[str, Entry] = {}
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
        name = file_name(self._next, "telemetry" if report.profile is None else "profile", report.id)
        self._put(name, size=len(document.encode()), document=document)

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
        # Profiles first: where there is room for one report only, it is theirs.
        for entry in sorted(self._in_memory(), key=lambda each: each.kind):
            if not self._taken_over or not self._store(entry):
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
            sizes = {name: self._spool.size(name) for name in self._spool.names() if is_file_name(name)}
        except OSError as e:
            self._tell_trouble(e)
            return
        self._taken_over = True
        later, self._entries = list(self._entries.values()), {}
        for name, size in sizes.items():
            self._put(name, size=size)
        for entry in later:
            self._put(file_name(self._next, entry.kind, entry.id), size=entry.size, document=entry.document)

    def _in_memory(self) -> list[Entry]:
        return [each for each in self._entries.values() if each.document is not None]

    def _touch(self) -> None:
        try:
            self._spool.touch()
        except OSError as e:
            self._tell_trouble(e)

    def _put(self, name: str, *, size: int, document: str | None = None) -> None:
        entry = Entry(name=name, size=size, held_since=self._clock.monotonic(), document=document)
        self._entries[name] = entry
        self._next = entry.number + 1

    def _document(self, entry: Entry) -> str | None:
        if entry.document is not None:
            return entry.document
        try:
            document = self._spool.read(entry.name)
        except OSError as e:
            log.error("The spooled report %s cannot be read and is left out: %s", entry.name, e.strerror)
            self._entries.pop(entry.name)
            return None
        if entry.is_told_by(document):
            return document
        self.refused(entry, document, "It is no whole report; the disk may be damaged.")
        return None

    def _store(self, entry: Entry) -> bool:
        """Return whether a report is on the disk now; on a full one, a profile takes the place of live values."""
        error = self._write(entry)
        if error is not None and error.errno in _NO_ROOM and entry.kind == "profile" and self._make_room(entry.size):
            error = self._write(entry)
        if error is None:
            entry.document = None
            self._tell_recovery()
        return error is None

    def _write(self, entry: Entry) -> OSError | None:
        assert entry.document is not None
        try:
            self._spool.write(entry.name, entry.document)
        except OSError as e:
            self._tell_trouble(e)
            return e
        return None

    def _make_room(self, needed: int) -> bool:
        """Give up the oldest live values in the spool, as much as is needed, and return whether there were any."""
        chosen: list[Entry] = []
        for entry in self._entries.values():
            if sum(each.space for each in chosen) >= needed:
                break
            if entry.document is None and entry.kind == "telemetry":
                chosen.append(entry)
        self._drop(chosen, "the disk is full")
        return bool(chosen)

    def _tell_recovery(self) -> None:
        if self._trouble is not None:
            log.info("The spool %s can be written again.", self._spool.folder)
            self._trouble = None

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
        self._entries.pop(entry.name, None)
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
        excess = sum(each.space for each in held) - allowed
        chosen: list[Entry] = []
        for entry in held:
            if excess <= 0:
                break
            if entry.kind == "telemetry":
                chosen.append(entry)
                excess -= entry.space
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
