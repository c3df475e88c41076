"""`autoprec trials push`: deliver to a service what it has not got yet."""

import json
from collections.abc import Iterator

import click

from autoprec.cli import options
from autoprec.cli.main import FAILED, USAGE
from autoprec.remote.parcel import Parcel
from autoprec_service.formatting import counted
from autoprec_service.store import Store, open_store

_PAGE = 200


@click.command("push")
@click.option("--all", "everything", is_flag=True, help="Also what was measured before the service was named.")
@options.url
@options.token
@options.store
@options.as_json
def push_command(*, everything: bool, url: str | None, token: str | None, store: str | None, as_json: bool) -> int:
    """Deliver the studies and trials that a service could not take when they were measured.

    Sending something again does no harm: each record has an id and counts once. With --all everything in the store is
    sent. The exit code is 1 where the service does not take them now, and 2 where it will never take some of them.
    """
    from autoprec.client.blocking import Client  # noqa: PLC0415 (`autoprec trials` needs no HTTP)
    from autoprec.remote.delivery import deliver  # noqa: PLC0415
    from autoprec.remote.outbox import default_outbox  # noqa: PLC0415

    outbox = default_outbox()
    with Client(url, token) as client:
        if everything:
            with open_store(store) as opened:
                for parcels in _pages(opened):
                    outbox.add(client.url, parcels)
        done = deliver(client, outbox)
        waiting, refused = outbox.waiting(client.url), outbox.refused(client.url)
    if as_json:
        told = {"delivered": done.delivered, "waiting": waiting, "refused": [each.id for each in refused]}
        click.echo(json.dumps(told | {"trouble": done.trouble}))
    else:
        click.echo(f"{counted(done.delivered, 'record')} delivered to {client.url}, {waiting} waiting.")
    for each in refused[-done.refused :] if done.refused else ():
        click.echo(f"Refused: {each.kind} {each.id}: {each.reason}", err=True)
    if done.trouble:
        click.echo(f"Error: {done.trouble}", err=True)
        return FAILED
    return USAGE if done.refused else 0


def _pages(store: Store) -> Iterator[list[Parcel]]:
    """Yield everything in a store: studies first, then trials."""
    studies = store.studies(limit=_PAGE)
    while studies:
        yield [Parcel.of(each) for each in studies]
        studies = store.studies(limit=_PAGE, after=studies[-1].id)
    trials = store.trials(limit=_PAGE)
    while trials:
        yield [Parcel.of(each) for each in trials]
        trials = store.trials(limit=_PAGE, after=trials[-1].id)
