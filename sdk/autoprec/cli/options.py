"""Options that several commands share."""

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
store = click.option(
    "--store",
    metavar="PATH|URL",
    help="Where trials are kept. Default: $AUTOPREC_DB, else the user's data folder.",
)
