"""Copies of a whole store, made while it is in use."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from autoprec_service.errors import StoreError


def back_up(engine: Engine, path: Path, where: str) -> None:
    """Write everything to a new file: a store in SQLite, or what `pg_restore` reads.

    Raises:
        StoreError: The file is there already or cannot be written, or what writes it is missing.
    """
    if path.exists():
        raise StoreError(f"The backup {path} is there already. Give the path of a new file.")
    part = path.with_name(f"{path.name}.part")
    try:
        if engine.dialect.name == "sqlite":
            _copy_file(engine, part)
        else:
            _dump(engine, part, where)
        part.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The backup {path} of {where} cannot be written: {error}. Give another path.") from error
    finally:
        part.unlink(missing_ok=True)


def _copy_file(engine: Engine, path: Path) -> None:
    """Copy by SQLite's own means, which takes the write-ahead log along: https://www.sqlite.org/backup.html."""
    raw = engine.raw_connection()
    try:
        assert isinstance(raw.driver_connection, sqlite3.Connection)
        with closing(sqlite3.connect(path)) as copy:
            raw.driver_connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE").close()
    finally:
        raw.close()


def _dump(engine: Engine, path: Path, where: str) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise StoreError(
            f"A backup of {where} is written by PostgreSQL's pg_dump, which is not on the PATH here. Install "
            "PostgreSQL's client programs in the server's version, or run it where they are.",
        )
    url = engine.url.set(drivername="postgresql", password=None).render_as_string()
    # Policies hold for the owner of the tables, too, who here asks for every tenant's rows.
    secrets = {"PGOPTIONS": "-c autoprec.tenant=*"} | (
        {"PGPASSWORD": str(engine.url.password)} if engine.url.password else {}
    )
    arguments = [program, "--format=custom", "--enable-row-security", f"--file={path}", f"--dbname={url}"]
    done = subprocess.run(arguments, env=os.environ | secrets, capture_output=True, text=True, check=False)  # noqa: S603 (a program of PostgreSQL's, with a URL of ours)
    if done.returncode:
        raise StoreError(f"pg_dump could not write a backup of {where}: {done.stderr.strip()}")
