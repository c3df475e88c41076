"""Runs migrations on the connection, and within the transaction, of whoever asked for them."""

from alembic import context

import autoprec_service.access.tables  # noqa: F401 (its tables belong to the same database)
from autoprec_service.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
