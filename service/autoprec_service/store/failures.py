"""What a database reports, in words that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from autoprec_service.errors import StoreError

_ELSEWHERE = "give another path, or set AUTOPREC_DB to one"
_LOCKED = "another process kept it locked for too long. Close that process, or try again"
_FORBIDDEN = f"it may not be written here. Change the permissions of the file and its folder, or {_ELSEWHERE}"

# SQLite's result codes: https://www.sqlite.org/rescode.html (extended codes begin with the name of the primary one).
_SQLITE = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_FULL": f"the disk is full. Free some space, or {_ELSEWHERE}",
    "SQLITE_READONLY": _FORBIDDEN,
    "SQLITE_PERM": _FORBIDDEN,
    "SQLITE_CANTOPEN": "the file cannot be opened or made. Check that its folder exists and may be written, or "
    + _ELSEWHERE,
    "SQLITE_NOTADB": f"the file is not an autoprec store. It was left as it is; {_ELSEWHERE}",
    "SQLITE_CORRUPT": "the file is damaged. Put a backup in its place, or move it away to begin a new store",
    "SQLITE_IOERR": f"the disk reported an error. Check the disk, or {_ELSEWHERE}",
}


@contextmanager
def reported(where: str, done: str) -> Iterator[None]:
    """Turn errors of the database into a `StoreError` that says what could not be `done` to the store at `where`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"The store {where} could not be {done}: {_why(error)}.") from error


def _why(error: SQLAlchemyError) -> str:
    original = error.orig if isinstance(error, DBAPIError) else None
    name = getattr(original, "sqlite_errorname", "")
    known = next((text for code, text in _SQLITE.items() if name.startswith(code)), None)
    return known or str(original or error).rstrip(".")
