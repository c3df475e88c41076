"""Options that several commands share."""

import click

from autoprec_runner.strategy.registry import STRATEGIES

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
strategy = click.option(
    "--strategy",
    type=click.Choice(STRATEGIES),
    default="single",
    show_default=True,
    help="Who owns the step; it decides what a precision means.",
)
url = click.option(
    "--url", metavar="URL", help="A service to ask first and to report to. Default: $AUTOPREC_URL, else none."
)
token = click.option(
    "--token",
    metavar="TOKEN",
    help="What the service is shown. Other users of this machine can see it: set AUTOPREC_TOKEN instead.",
)
service = click.option("--url", metavar="URL", help="Use the service at this URL instead of the store.")
store = click.option(
    "--store",
    metavar="PATH|URL",
    help="Where trials are kept. Default: $AUTOPREC_DB, else the user's data folder.",
)
