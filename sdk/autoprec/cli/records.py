"""Where a command finds studies and trials: in the store, or at a service."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import click

from autoprec_service.store import Store, open_store


@contextmanager
def opened_records(store: str | None, url: str | None, token: str | None) -> Iterator[Store]:
    """Open the store, or the studies and trials of a service if the URL of one is given.

    Raises:
        UsageError: Both are given.
    """
    if url is None:
        with open_store(store) as opened:
            yield opened
        return
    if store is not None:
        raise click.UsageError("--store and --url are two places. Give one of them.")
    from autoprec.client.blocking import Client  # noqa: PLC0415 (HTTP is loaded where a service is named)
    from autoprec.remote.records import RemoteRecords  # noqa: PLC0415

    with Client(url, token) as client:
        yield cast("Store", RemoteRecords(client))  # what commands ask of a store, it answers
