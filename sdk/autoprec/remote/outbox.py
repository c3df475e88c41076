"""What services have not acknowledged yet, in a file that outlives the process and that several processes share."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from autoprec.remote.errors import OutboxError
from autoprec.remote.parcel import Parcel, ParcelKind

_WAIT_SECONDS = 10.0
"""How long another process may hold the file."""
_TABLES = """
CREATE TABLE IF NOT EXISTS parcels (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    url TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    grouped TEXT NOT NULL,
    document TEXT NOT NULL,
    refused TEXT,
    UNIQUE (url, kind, id)
)
"""


class Refusal(NamedTuple):
    """A record that a service will never take."""

    kind: ParcelKind
    id: str
    reason: str


class Outbox:
    """Parcels for each service, in a file of SQLite. Every method may be called from any thread and process at once.

    What was added is on the disk when `add` returns, and stays until the service has acknowledged it. What a service
    will never take is set aside with the reason, and no longer waits.

    Every method raises `OutboxError` where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, url: str, parcels: Iterable[Parcel]) -> None:
        """Add parcels for a service; one takes the place of an earlier one of the same kind and id."""
        rows = [(url, each.kind, each.id, each.group, each.document) for each in parcels]
        with self._opened() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO parcels (url, kind, id, grouped, document) VALUES (?, ?, ?, ?, ?)",
                rows,
            )

    def batch(self, url: str, kind: ParcelKind, limit: int) -> list[Parcel]:
        """Return the parcels of a kind that have waited longest."""
        with self._opened() as connection:
            found = connection.execute(
                "SELECT number, id, grouped, document FROM parcels "
                "WHERE url = ? AND kind = ? AND refused IS NULL ORDER BY number LIMIT ?",
                (url, kind, limit),
            )
            return [
                Parcel(kind=kind, id=id_, document=document, group=group, number=number)
                for number, id_, group, document in found
            ]

    def groups(self, url: str) -> set[str]:
        """Return the studies whose trials wait."""
        with self._opened() as connection:
            found = connection.execute(
                "SELECT DISTINCT grouped FROM parcels WHERE url = ? AND kind = 'trial' AND refused IS NULL", (url,)
            )
            return {group for (group,) in found}

    def delivered(self, parcels: Sequence[Parcel]) -> None:
        """Let go of what a service has acknowledged; what has taken its place meanwhile stays."""
        with self._opened() as connection:
            connection.executemany("DELETE FROM parcels WHERE number = ?", [(each.number,) for each in parcels])

    def refuse(self, parcel: Parcel, reason: str) -> None:
        """Set a parcel aside that the service will never take."""
        with self._opened() as connection:
            connection.execute("UPDATE parcels SET refused = ? WHERE number = ?", (reason, parcel.number))

    def refused(self, url: str) -> list[Refusal]:
        """Return everything that was set aside, the latest last."""
        with self._opened() as connection:
            found = connection.execute(
                "SELECT kind, id, refused FROM parcels WHERE url = ? AND refused IS NOT NULL ORDER BY number", (url,)
            )
            return [Refusal(*each) for each in found]

    def waiting(self, url: str) -> int:
        """Return how many parcels wait for a service."""
        with self._opened() as connection:
            found = connection.execute("SELECT count(*) FROM parcels WHERE url = ? AND refused IS NULL", (url,))
            return int(found.fetchone()[0])

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction: connections are cheap, and so no thread has another one's."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS)) as connection, connection:
                self._path.chmod(0o600)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(_TABLES)
                yield connection
        except (OSError, sqlite3.Error) as error:
            raise OutboxError(
                f"The file {self._path} of records that wait for the service cannot be used: {error}. Measurements are "
                "kept in the store all the same; once it can be used, `autoprec trials push --all` delivers them.",
            ) from error


def default_outbox() -> Outbox:
    """Return the outbox in the user's state folder."""
    from platformdirs import user_state_path  # noqa: PLC0415 (only the default needs it)

    return Outbox(user_state_path("autoprec", appauthor=False) / "outbox.db")
