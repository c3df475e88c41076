"""Files of records: a path, or a stream that somebody else opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from autoprec_service.errors import ExchangeError


@contextmanager
def reading(file: str | Path | TextIO) -> Iterator[TextIO]:
    """Open a file of records for reading.

    Raises:
        ExchangeError: The file cannot be read.
    """
    if not isinstance(file, str | Path):
        yield file
        return
    with (
        _explained(file, "read"),
        Path(file).open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as stream,
    ):
        yield stream


@contextmanager
def writing(file: str | Path | TextIO) -> Iterator[TextIO]:
    """Open a file of records for writing; a path gets its content at the end, or keeps what it had.

    Raises:
        ExchangeError: The file cannot be written.
    """
    if not isinstance(file, str | Path):
        yield file
        return
    path = Path(file)
    part = path.with_name(f"{path.name}.part")
    with _explained(path, "written"):
        try:
            with part.open("w", encoding="utf-8", newline="\n") as stream:
                yield stream
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _explained(file: str | Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExchangeError(f"The file {file} cannot be {done}: {error.strerror}. Give another path.") from error
