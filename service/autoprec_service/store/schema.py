"""The revision of a store's tables: checked at every opening, migrated where it is older than this autoprec."""

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from autoprec_service.errors import StoreError, StoreTooNewError
from autoprec_service.store.engine import use_write_ahead_log, writer
from autoprec_service.store.rebuilding import rebuild

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0005"
"""The revision that this autoprec reads and writes. It is spelled out so that opening a store needs no Alembic."""

_DERIVED_SINCE = "0004"
_VERSION_TABLE = "alembic_version"


def prepare(engine: Engine, where: str) -> None:
    """Bring the tables to `HEAD`; a store that is there already costs one query.

    Raises:
        StoreTooNewError: The store has a revision that this autoprec does not know.
        StoreError: The database belongs to another application.
    """
    with engine.connect() as connection:
        stored = revision(connection)
        if stored != HEAD:
            _refuse_foreign(connection, stored, where)
    if stored != HEAD:
        with writer(engine).begin() as connection:
            upgrade(connection)
            if stored is not None and stored < _DERIVED_SINCE:
                rebuild(connection)
    use_write_ahead_log(engine)


def revision(connection: Connection) -> str | None:
    """Return the revision of the tables, None where there are none."""
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    # The names are Alembic's: https://alembic.sqlalchemy.org/en/latest/api/runtime.html
    stored: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return stored


def upgrade(connection: Connection, target: str = "head") -> None:
    """Migrate the tables up to a revision, within the connection's transaction."""
    from alembic import command  # noqa: PLC0415 (only a store that is not at HEAD pays for the import)

    command.upgrade(_config(connection), target)


def downgrade(connection: Connection, target: str) -> None:
    """Migrate the tables down to a revision; what that revision has no table for is lost."""
    from alembic import command  # noqa: PLC0415 (as above)

    command.downgrade(_config(connection), target)


def known_revisions() -> list[str]:
    """Return every revision that this autoprec can migrate from, the first one first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 (as above)

    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in reversed(list(scripts.walk_revisions()))]


def _refuse_foreign(connection: Connection, stored: str | None, where: str) -> None:
    """Refuse a database whose tables this autoprec did not make, before anything is written to it."""
    if stored is not None and stored not in known_revisions():
        raise StoreTooNewError(
            f"The store {where} was written by a newer autoprec: its tables have revision {stored!r} and this version "
            f"knows them up to {HEAD!r}. It was left untouched; upgrade autoprec, or set AUTOPREC_DB to another path.",
        )
    tables = set(inspect(connection).get_table_names()) - {_VERSION_TABLE}
    if stored is None and tables:
        raise StoreError(
            f"The database {where} is not an autoprec store: it holds the tables {', '.join(sorted(tables))} of "
            "another application. It was left untouched; give another path, or set AUTOPREC_DB to one.",
        )


def _config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 (as above)

    config = Config()
    config.set_main_option("script_location", "autoprec_service.store:migrations")
    config.attributes["connection"] = connection
    return config
