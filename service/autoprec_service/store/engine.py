"""Connections to the database of a store, with SQLite made safe for several writers."""

import sqlite3
import time
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

BUSY_TIMEOUT_SECONDS = 30.0
"""How long a writer waits for another one; `?timeout=SECONDS` in the URL changes it."""

_CACHE_KIB = 65_536
"""What a connection keeps of the file in memory: the upper parts of the indexes of a million trials."""
_WRITES = "autoprec_writes"
_WAL_ATTEMPTS = 50
_WAL_PAUSE_SECONDS = 0.02


def store_engine(url: URL) -> Engine:
    """Return an engine for `url` that opens no connection yet."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    arguments = {} if "timeout" in url.query else {"timeout": BUSY_TIMEOUT_SECONDS}
    engine = create_engine(url, connect_args=arguments)
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def writer(engine: Engine) -> Engine:
    """Return the same engine for transactions that write."""
    return engine.execution_options(**{_WRITES: True})


def _prepare_connection(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin a transaction too late to hold the lock: see _begin
    connection.execute("PRAGMA foreign_keys = ON").close()
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}").close()


def _begin(connection: Connection) -> None:
    """Begin a transaction; one that will write takes the lock at once, so that it waits instead of failing midway."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def use_write_ahead_log(engine: Engine) -> None:
    """Let SQLite's readers go on while one writes. The setting stays with the file; other databases have it anyway."""
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        _switch_to_wal(raw.cursor())
    except sqlite3.Error as error:
        raise OperationalError("PRAGMA journal_mode = WAL", None, error) from error
    finally:
        raw.close()


def _switch_to_wal(cursor: Any) -> None:
    """Switch to write-ahead logging, again and again while others are at work.

    SQLite does not wait for other connections when the journal mode changes: it says "locked" at once.
    """
    for _ in range(_WAL_ATTEMPTS):
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",):
                return
            cursor.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname not in {"SQLITE_BUSY", "SQLITE_LOCKED"}:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)
        else:
            return
    # The store works without it, one process at a time; whoever opens it next tries again.
