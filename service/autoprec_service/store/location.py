"""Where the store is, unless told otherwise."""

import os
import tomllib
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from autoprec_service.errors import StoreError
from autoprec_service.store.contract import DEFAULT_TENANT, Store
from autoprec_service.store.engine import store_engine
from autoprec_service.store.failures import reported
from autoprec_service.store.place import driven, name_of
from autoprec_service.store.schema import revision
from autoprec_service.store.sql import SqlStore

ENVIRONMENT_VARIABLE = "AUTOPREC_DB"
CONFIG_VARIABLE = "AUTOPREC_CONFIG"
"""Names the file of a service's settings, so that commands beside a service mean its store."""


def open_store(where: str | Path | None = None, *, tenant: str = DEFAULT_TENANT) -> Store:
    """Open the store at a path or an SQLAlchemy URL; it is made where there is none and migrated where it is older.

    Without `where` it is what the environment variable `AUTOPREC_DB` says, else what the file that `AUTOPREC_CONFIG`
    names says, or else `autoprec.db` in the user's data folder.

    Raises:
        StoreError: The place cannot be used; the message says why and what to do.
        StoreTooNewError: The store was written by a newer autoprec; it is left untouched.
    """
    return SqlStore(place_url(where), tenant=tenant)


def place_url(where: str | Path | None = None) -> URL:
    """Return the URL of the store at a path or URL, or of the one that `open_store` opens without it.

    Raises:
        StoreError: It is no URL, or the file that names it cannot be read.
    """
    return driven(_url(where or os.environ.get(ENVIRONMENT_VARIABLE) or _configured() or default_path()))


def _configured() -> str | None:
    """Return the store that a service's settings name in their file."""
    file = os.environ.get(CONFIG_VARIABLE)
    if not file:
        return None
    try:
        found = tomllib.loads(Path(file).read_text(encoding="utf-8")).get("db")
    except (OSError, ValueError) as error:
        raise StoreError(f"The file {file} of {CONFIG_VARIABLE} does not tell the store: {error}.") from error
    return found or None


def default_path() -> Path:
    """Return the path of the store in the user's data folder."""
    from platformdirs import user_data_path  # noqa: PLC0415 (only the default needs it)

    return user_data_path("autoprec", appauthor=False) / "autoprec.db"


def _url(where: str | Path) -> URL:
    text = str(where)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser()))
    try:
        return make_url(text)
    except ArgumentError as error:
        raise StoreError(
            f"{text!r} is no URL of a database. Give a path, or a URL such as sqlite:////path/to/autoprec.db."
        ) from error


def stored_revision(where: str | Path | None = None) -> str | None:
    """Return the revision of the tables of a store, changing nothing; None where there is no store yet.

    Raises:
        StoreError: The place cannot be read.
    """
    url = place_url(where)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return None
    engine = store_engine(url)
    try:
        with reported(name_of(url), "read"), engine.connect() as connection:
            return revision(connection)
    finally:
        engine.dispose()
