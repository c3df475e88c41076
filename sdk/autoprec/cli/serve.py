"""`autoprec serve`: answer over HTTP from what is stored here."""

from pathlib import Path
from typing import Any

import click

from autoprec.cli import options

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("serve")
@click.option("--host", help="Other than loopback needs a token. Default: 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: 8321.")
@click.option(
    "--token",
    "given",
    multiple=True,
    help="Answer only those who show it; may be repeated. Other users of this machine can see it: set AUTOPREC_TOKENS "
    "to one or several, separated by commas, or make stored ones with `autoprec token create`.",
)
@click.option("--tls-certificate", type=_FILE, help="A PEM file; with --tls-key the service speaks HTTPS alone.")
@click.option("--tls-key", type=_FILE, help="The key of the certificate.")
@options.store
def serve_command(*, given: tuple[str, ...], store: str | None, **settings: Any) -> None:
    """Answer POST /recommend and the other routes from the store, show the dashboard, and take what others report.

    What is not given is read from the environment (AUTOPREC_HOST and so on) and from the TOML file that AUTOPREC_CONFIG
    names: docs/service.md lists it all.
    """
    if not all(each.strip() for each in given):
        raise click.UsageError("An empty token would admit nobody: leave --token out, or give one.")
    try:
        from autoprec_dashboards.extension import dashboard  # noqa: PLC0415 (an extra that only this command needs)
        from autoprec_service.access import open_access  # noqa: PLC0415
        from autoprec_service.access.exposure import check_exposure  # noqa: PLC0415
        from autoprec_service.settings import load_settings  # noqa: PLC0415
        from autoprec_service.store import open_store  # noqa: PLC0415
        from autoprec_service.web.app import create_app  # noqa: PLC0415
        from autoprec_service.web.server import serve  # noqa: PLC0415
    except ImportError as error:
        raise click.UsageError(f"The service needs {error.name}: pip install 'autoprec[service]'") from error
    chosen = load_settings(db=store, tokens=given or None, **settings)
    # Before anything listens: what cannot work is told in one line, and not as the failure of a server.
    with open_store(chosen.db), open_access(chosen.db) as access:
        check_exposure(chosen, access.tokens)
    serve(create_app(chosen, extensions=[dashboard]), chosen)
