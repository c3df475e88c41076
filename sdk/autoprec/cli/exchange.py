"""`autoprec export` and `autoprec import`: carry trials from one store to another."""

import json
import sys
from pathlib import Path

import click

from autoprec.cli import options
from autoprec.cli.main import USAGE
from autoprec.cli.records import opened_records
from autoprec_service.exchange import (
    ImportReport,
    TrialFilters,
    export_jsonl,
    export_parquet,
    import_deepspeed,
    import_jsonl,
    import_optimum,
    import_parquet,
)
from autoprec_service.store import Store

_PARQUET = ".parquet"


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
    """Write studies and trials to FILE: as Parquet if its name ends so, else as JSON Lines; "-" is standard output."""
    target = sys.stdout if str(file) == "-" else file
    with opened_records(store, url, token) as opened:
        filters = TrialFilters(study_id=study_id, model_fingerprint=model_fingerprint, hardware_key=hardware_key)
        parquet = file.suffix == _PARQUET
        lines = export_parquet(opened, file, **filters) if parquet else export_jsonl(opened, target, **filters)
    if as_json and target is not sys.stdout:
        click.echo(json.dumps({"file": str(file), "lines": lines}))
    else:
        click.echo(f"{lines} records written to {'standard output' if target is sys.stdout else file}.", err=True)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "source",
    type=click.Choice(["autoprec", "optimum-benchmark", "deepspeed"]),
    default="autoprec",
    show_default=True,
    help="What wrote it.",
)
@click.option("--model", help="What DeepSpeed's model is called: its results do not tell.")
@click.option("--hardware", "hardware_key", help="The hardware key of what a peer measured on, where it does not tell.")
@options.service
@options.token
@options.store
@options.as_json
def import_command(
    *,
    file: Path,
    source: str,
    model: str | None,
    hardware_key: str | None,
    url: str | None,
    token: str | None,
    store: str | None,
    as_json: bool,
) -> int:
    """Add the studies and trials of FILE, written by export; "-" is standard input.

    Results of peers are added, too: optimum-benchmark's benchmark.json or the folder of its runs, DeepSpeed's
    autotuning_results. What cannot be ours is told. Importing twice does no harm. A line that cannot be read is told
    and makes the exit code 2; the others are added.
    """
    if source == "autoprec" and (model or hardware_key):
        raise click.UsageError("--model and --hardware are for results of peers: our own files tell both.")
    if source != "deepspeed" and model:
        raise click.UsageError("--model is for DeepSpeed's results alone.")
    with opened_records(store, url, token) as opened:
        report = _imported(opened, file, source, model, hardware_key)
    click.echo(report.model_dump_json(indent=2) if as_json else str(report))
    return USAGE if report.refused else 0


def _imported(store: Store, file: Path, source: str, model: str | None, hardware_key: str | None) -> ImportReport:
    if source == "optimum-benchmark":
        return import_optimum(store, file, hardware_key=hardware_key)
    if source == "deepspeed":
        if model is None or hardware_key is None:
            raise click.UsageError("DeepSpeed's results tell neither model nor machine. Give --model and --hardware.")
        return import_deepspeed(store, file, model=model, hardware_key=hardware_key)
    if file.suffix == _PARQUET:
        return import_parquet(store, file)
    return import_jsonl(store, sys.stdin if str(file) == "-" else file)
