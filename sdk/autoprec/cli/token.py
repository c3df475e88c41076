"""`autoprec token`: who may ask the service, and for what."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoprec.cli import options
from autoprec_service.access import SCOPES, Access, Scope, Token, open_access
from autoprec_service.access.principal import DEFAULT_TENANT
from autoprec_service.store import open_store

_ACTOR = "command line"
_PAGE = 500
_UNKNOWN = "-"


@click.group("token")
def token_command() -> None:
    """Make, list and revoke the tokens of a service. It works on the store itself: the service need not run."""


@token_command.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    default=("read", "report"),
    show_default=True,
    help="read asks, report adds what was measured or seen, admin manages tokens besides; may be repeated.",
)
@click.option("--days", type=click.IntRange(min=1, max=3650), help="After how many days it ends. Default: never.")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose data it opens.")
@options.store
@options.as_json
def create(
    *, name: str, scopes: tuple[Scope, ...], days: int | None, tenant: str, store: str | None, as_json: bool
) -> None:
    """Make a token and print it, for the only time. NAME says what it is for."""
    ends = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with _opened(store) as access:
        token = access.tokens.issue(tenant=tenant, name=name, scopes=scopes, created_by=_ACTOR, expires_at=ends)
        access.audit.add(
            tenant=tenant,
            actor=_ACTOR,
            action="token.create",
            subject=token.id,
            name=name,
            scopes=" ".join(token.scopes),
        )
    if as_json:
        click.echo(token.model_dump_json(indent=2))
        return
    click.echo(token.token)
    click.echo(f"This is the token {token.id}. Keep it: nobody can show it again.", err=True)


@token_command.command("list")
@click.option("--tenant", help="Only tokens of this tenant.")
@options.store
@options.as_json
def list_tokens(*, tenant: str | None, store: str | None, as_json: bool) -> None:
    """List tokens, never their secrets, in the order in which they were made."""
    with _opened(store) as access:
        tokens = list(_all(access, tenant))
    if as_json:
        click.echo(json.dumps([each.model_dump(mode="json") for each in tokens], indent=2))
    elif tokens:
        Console().print(_table(tokens))
    else:
        click.echo("There is no token. Make one with: autoprec token create NAME", err=True)


@token_command.command("revoke")
@click.argument("token_id", metavar="ID")
@options.store
@options.as_json
def revoke(*, token_id: str, store: str | None, as_json: bool) -> None:
    """End the token with this id. A running service may take it for another ten seconds."""
    with _opened(store) as access:
        token = access.tokens.revoke(token_id, tenant=None)
        access.audit.add(tenant=token.tenant, actor=_ACTOR, action="token.revoke", subject=token.id, name=token.name)
    if as_json:
        click.echo(token.model_dump_json(indent=2))
    else:
        click.echo(f"The token {token.id} ({token.name}) is revoked.", err=True)


@contextmanager
def _opened(store: str | None) -> Iterator[Access]:
    with open_store(store), open_access(store) as access:
        yield access


def _all(access: Access, tenant: str | None) -> Iterator[Token]:
    page = access.tokens.tokens(tenant, limit=_PAGE)
    while page:
        yield from page
        page = access.tokens.tokens(tenant, limit=_PAGE, after=page[-1].id)


def _table(tokens: list[Token]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("id", no_wrap=True)
    for column in ("name", "tenant", "scopes", "made", "ends", "last used"):
        table.add_column(column)
    for each in tokens:
        ends = "revoked" if each.revoked_at else _shown(each.expires_at)
        cells = (each.id, each.name, each.tenant, " ".join(each.scopes), _shown(each.created_at))
        table.add_row(*map(Text, (*cells, ends, _shown(each.last_used_at))))
    return table


def _shown(moment: datetime | None) -> str:
    return _UNKNOWN if moment is None else moment.strftime("%Y-%m-%d %H:%M")
