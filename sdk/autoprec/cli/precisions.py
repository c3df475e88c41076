"""`autoprec precisions`: every precision string and what it is worth on a machine."""

import json

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoprec.cli import options
from autoprec.cli.machine import captures as captures_option
from autoprec.cli.machine import chosen_profile
from autoprec_probe import Candidate, Strategy, Support, known_precisions
from autoprec_runner.search.screen import judged

_STYLES = {"native": "green", "emulated": "yellow", "unsupported": "red", "missing-package": "red"}


@click.command("precisions")
@captures_option
@options.strategy
@options.as_json
def precisions_command(*, captures: tuple[str, ...], more: tuple[str, ...], strategy: Strategy, as_json: bool) -> None:
    """List every precision string with its support on a machine, the reason and the remedy.

    It is this machine, or the one that files tell of: autoprec precisions --from cpuinfo.txt rocm-smi.json
    """
    profile = chosen_profile(captures, more)
    candidates = [Candidate(precision=each, strategy=strategy) for each in known_precisions()]
    verdicts = [judged(each, profile, profile.default_device) for each in candidates]
    if as_json:
        click.echo(json.dumps([each.model_dump(mode="json") for each in verdicts], indent=2))
    else:
        Console().print(_table(verdicts))


def _table(verdicts: list[Support]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("precision", "support", "reason, and the way out"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "precision")
    for each in verdicts:
        why = Text(each.reason)
        if each.remedy:
            why.append(f" {each.remedy}", style="italic")
        table.add_row(Text(str(each.candidate)), Text(each.level, style=_STYLES[each.level]), why)
    return table
