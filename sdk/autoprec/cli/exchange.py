"""`autoprec export` and `autoprec import`: carry trials from one store to another."""

import json
import sys
from pathlib import Path

import click

from autoprec.cli import options
from autoprec.cli.main import USAGE
from autoprec.cli.records import opened_records
from autoprec_service.exchange import export_jsonl, import_jsonl


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--study", "study_id", help="Only trials of this study.")
@click.option("--model", "model_fingerprint", help="Only trials of the model with this fingerprint.")
@click.option("--hardware", "hardware_key", help="Only trials on this hardware key.")
@options.service
@options.token
@options.store
@options.as_json
def export_command(
    *,
    file: Path,
    study_id: str | None,
    model_fingerprint: str | None,
    hardware_key: str | None,
    url: str | None,
    token: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Write studies and trials to FILE as JSON Lines; "-" is standard output."""
    target = sys.stdout if str(file) == "-" else file
    with opened_records(store, url, token) as opened:
        lines = export_jsonl(
            opened,
            target,
            study_id=study_id,
            model_fingerprint=model_fingerprint,
            hardware_key=hardware_key,
        )
    if as_json and target is not sys.stdout:
        click.echo(json.dumps({"file": str(file), "lines": lines}))
    else:
        click.echo(f"{lines} records written to {'standard output' if target is sys.stdout else file}.", err=True)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@options.service
@options.token
@options.store
@options.as_json
def import_command(*, file: Path, url: str | None, token: str | None, store: str | None, as_json: bool) -> int:
    """Add the studies and trials of FILE, written by export; "-" is standard input.

    Importing twice does no harm. A line that cannot be read is told and makes the exit code 2; the others are added.
    """
    source = sys.stdin if str(file) == "-" else file
    with opened_records(store, url, token) as opened:
        report = import_jsonl(opened, source)
    click.echo(report.model_dump_json(indent=2) if as_json else str(report))
    return USAGE if report.refused else 0
