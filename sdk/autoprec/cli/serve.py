"""`autoprec serve`: answer over HTTP from what is stored here."""

import os

import click

from autoprec.cli import options
from autoprec_service.store import open_store

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Other than loopback needs a token.")
@click.option("--port", default=8321, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--token",
    "given",
    multiple=True,
    help="Answer only those who show it; may be repeated. Other users of this machine can see it: set AUTOPREC_TOKENS "
    "to one or several, separated by commas, instead.",
)
@options.store
def serve_command(*, host: str, port: int, given: tuple[str, ...], store: str | None) -> None:
    """Answer POST /recommend, GET /trials and /nodes from the store, and take the reports of agents."""
    tokens = _tokens(given)
    if host not in _LOOPBACK and not tokens:
        raise click.UsageError(
            f"On {host} anyone who reaches this machine could ask and report. Give --token or AUTOPREC_TOKENS, or stay "
            f"on one of {', '.join(_LOOPBACK)}.",
        )
    try:
        import uvicorn  # noqa: PLC0415 (an extra that only this command needs)

        from autoprec_service.web.app import create_app  # noqa: PLC0415
    except ImportError as error:
        raise click.UsageError(f"The service needs {error.name}: pip install 'autoprec[service]'") from error
    with open_store(store) as opened:
        uvicorn.run(create_app(opened, tokens=tokens), host=host, port=port)


def _tokens(given: tuple[str, ...]) -> list[str]:
    listed = os.environ.get("AUTOPREC_TOKENS", "").split(",")
    tokens = [each.strip() for each in given or listed]
    if given and not all(tokens):
        raise click.UsageError("An empty token would admit nobody: leave --token out, or give one.")
    return [each for each in tokens if each]
