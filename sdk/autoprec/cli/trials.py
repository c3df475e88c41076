"""`autoprec trials`: what has been measured."""

import json
from collections.abc import Sequence
from typing import get_args

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoprec.cli import options
from autoprec_probe import canonical_precision
from autoprec_runner.quantities import duration, size
from autoprec_runner.trial import Trial, TrialStatus
from autoprec_service.store import open_store


@click.command("trials")
@click.option("--study", "study_id", help="Only trials of this study.")
@click.option("--model", "model_fingerprint", help="Only trials of the model with this fingerprint.")
@click.option("--hardware", "hardware_key", help="Only trials on this hardware key.")
@click.option("--precision", help="Only trials of this precision.")
@click.option("--status", type=click.Choice(get_args(TrialStatus)))
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--after", help="Go on after the trial with this id.")
@options.store
@options.as_json
def trials_command(
    *,
    study_id: str | None,
    model_fingerprint: str | None,
    hardware_key: str | None,
    precision: str | None,
    status: TrialStatus | None,
    limit: int,
    after: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """List stored trials in the order in which they were measured."""
    with open_store(store) as opened:
        found = opened.trials(
            study_id=study_id,
            model_fingerprint=model_fingerprint,
            hardware_key=hardware_key,
            precision=None if precision is None else canonical_precision(precision),
            status=status,
            limit=limit,
            after=after,
        )
    if as_json:
        click.echo(json.dumps([json.loads(each.model_dump_json()) for each in found], indent=2))
    elif not found:
        click.echo("No trials found. Measure some with: autoprec suggest WORKLOAD", err=True)
    else:
        Console().print(_table(found))


def _table(found: Sequence[Trial]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("id", "study", "hardware", "candidate", "phase", "status", "step time", "memory", "reason"):
        table.add_column(heading, no_wrap=heading in {"id", "study"}, overflow="ellipsis")
    for each in found:
        table.add_row(
            each.id[:8],
            each.study_id,
            each.hardware_key,
            str(each.candidate),
            each.phase,
            each.status,
            duration(each.step_time.median_seconds) if each.step_time else "-",
            size(each.peak_memory_bytes) if each.peak_memory_bytes else "-",
            Text(each.reason.splitlines()[0] if each.reason else ""),
        )
    return table
