"""`autoprec db`: look after the store."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import click

from autoprec.cli import options
from autoprec.cli.main import FAILED, USAGE
from autoprec_service.pruned import PruneKind
from autoprec_service.store import open_store
from autoprec_service.store.contract import DEFAULT_TENANT
from autoprec_service.store.location import stored_revision
from autoprec_service.store.schema import HEAD


@click.group("db")
def db_command() -> None:
    """Look after the store: migrate it, check it, copy it, delete what is old."""


@db_command.command("upgrade")
@options.store
@options.as_json
def upgrade(*, store: str | None, as_json: bool) -> None:
    """Bring the tables to the revision of this autoprec; a store that does not exist is made."""
    before = stored_revision(store)
    open_store(store).close()
    if as_json:
        click.echo(json.dumps({"before": before, "after": HEAD}))
    elif before == HEAD:
        click.echo(f"The store is at revision {HEAD}; there was nothing to do.")
    else:
        click.echo(f"The store went from {f'revision {before}' if before else 'nothing'} to revision {HEAD}.")


@db_command.command("check")
@click.option("--repair", is_flag=True, help="Derive anew what does not agree.")
@options.store
@options.as_json
def check(*, repair: bool, store: str | None, as_json: bool) -> int:
    """Say what is wrong with the store; the exit code is 1 if something is and was not repaired."""
    stored = stored_revision(store)
    if stored != HEAD:
        raise click.UsageError(
            f"The store is at revision {stored}, this autoprec reads {HEAD}. Run: autoprec db upgrade"
            if stored
            else "There is no store here yet. Make one with: autoprec db upgrade",
        )
    with open_store(store) as opened:
        found = opened.check(repair=repair)
        left = opened.check() if repair and found else found
    if as_json:
        click.echo(json.dumps({"revision": HEAD, "problems": found, "left": left}))
    else:
        click.echo("\n".join([*found, f"{len(found)} problems, {len(left)} left."]))
    return FAILED if left else 0


@db_command.command("backup")
@click.argument("path", type=click.Path(path_type=Path))
@options.store
def backup(*, path: Path, store: str | None) -> None:
    """Write the whole store to PATH, a new file, while it is in use.

    Of SQLite it is a store itself: put it in the place of the old one. Of PostgreSQL pg_restore reads it.
    """
    with open_store(store) as opened:
        opened.backup(path)
    click.echo(f"Written to {path}.", err=True)


@db_command.command("prune")
@click.argument("kinds", nargs=-1, required=True, type=click.Choice(get_args(PruneKind)))
@click.option("--older-than", "days", type=click.FloatRange(min=0), required=True, metavar="DAYS")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose records.")
@options.store
@options.as_json
def prune(
    *, kinds: tuple[PruneKind, ...], days: float, dry_run: bool, tenant: str, store: str | None, as_json: bool
) -> int:
    """Delete records of these KINDS that are older than some days.

    telemetry: live values of machines. superseded: studies, with their trials, whose question a later complete study
    asked again. recommendations: answers that were given. runs: training runs that have ended.
    """
    try:
        before = datetime.now(UTC) - timedelta(days=days)
    except OverflowError:
        click.echo(f"Error: --older-than {days:g} days is before the calendar begins. Give fewer days.", err=True)
        return USAGE
    with open_store(store, tenant=tenant) as opened:
        pruned = opened.prune(kinds, before=before, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(pruned.model_dump() | {"dry_run": dry_run}))
    else:
        told = ", ".join(f"{number} {name}" for name, number in pruned.model_dump().items() if number) or "nothing"
        click.echo(f"{told} {'would be' if dry_run else 'was' if told == 'nothing' else 'were'} deleted.")
    return 0
