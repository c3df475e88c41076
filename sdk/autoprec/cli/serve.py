"""`autoprec serve`: answer over HTTP from the trials stored here."""

import click

from autoprec.cli import options
from autoprec_service.store import open_store

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, type=click.Choice(_LOOPBACK))
@click.option("--port", default=8321, show_default=True, type=click.IntRange(0, 65535))
@options.store
def serve_command(*, host: str, port: int, store: str | None) -> None:
    """Answer POST /recommend and GET /trials from the store, on this machine only: there is no access control yet."""
    try:
        import uvicorn  # noqa: PLC0415 (an extra that only this command needs)

        from autoprec_service.web.app import create_app  # noqa: PLC0415
    except ImportError as error:
        raise click.UsageError(f"The service needs {error.name}: pip install 'autoprec[service]'") from error
    with open_store(store) as opened:
        uvicorn.run(create_app(opened), host=host, port=port)
