"""The place of a store: checked before the database tries, because its own words would not say what to do."""

from pathlib import Path

from sqlalchemy.engine import URL

from autoprec_service.errors import StoreError


def name_of(url: URL) -> str:
    """Return how errors call the place: the path of a file, or the URL without its password."""
    path = _file(url)
    return str(path) if path is not None else url.render_as_string(hide_password=True)


def driven(url: URL) -> URL:
    """Return the URL with the driver that autoprec brings for this kind of database, where none is named."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgresql", "postgres"} else url


def check_place(url: URL) -> None:
    """Make the folder of a store in a file, if there is none.

    Raises:
        StoreError: The path is a folder, its folder cannot be made, or the store would live in memory only.
    """
    if url.get_backend_name() != "sqlite":
        return
    path = _file(url)
    if path is None:
        raise StoreError(
            f"The store {name_of(url)} would live in memory, and each thread would see another one. "
            "Give the path of a file, in a temporary folder if it shall not last.",
        )
    if path.is_dir():
        raise StoreError(f"The store {path} is a folder. Give the path of a file, such as {path / 'autoprec.db'}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder of the store {path} cannot be made: {error.strerror}. "
            "Give a path in a folder that you may write to, or set AUTOPREC_DB to one.",
        ) from error


def _file(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return None
    return Path(str(url.database))
