"""`autoprec trials`: what has been measured."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any, get_args

import click
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from autoprec.cli import options
from autoprec.cli.push import push_command
from autoprec.cli.records import opened_records
from autoprec_probe import canonical_precision
from autoprec_runner.quantities import duration, size
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial, TrialStatus
from autoprec_service.store import Store

_PAGE = 200
_ID_CHARACTERS = 8
_UNKNOWN = "-"


@click.group("trials", invoke_without_command=True)
@click.option("--study", "study_id", help="Only trials of this study.")
@click.option("--model", "model_fingerprint", help="Only trials of the model with this fingerprint.")
@click.option("--hardware", "hardware_key", help="Only trials on this hardware key.")
@click.option("--precision", help="Only trials of this precision.")
@click.option("--status", type=click.Choice(get_args(TrialStatus)))
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Trials of a page.")
@click.option("--oldest", is_flag=True, help="Begin with the oldest trial; default: the newest page.")
@click.option("--after", metavar="ID", help="Go on after the trial with this id, or the beginning of one.")
@options.service
@options.token
@options.store
@options.as_json
@click.pass_context
def trials_command(
    context: click.Context,
    /,
    *,
    limit: int,
    oldest: bool,
    after: str | None,
    url: str | None,
    token: str | None,
    store: str | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """List stored trials in the order in which they were measured, the newest last."""
    if context.invoked_subcommand is not None:
        return
    if filters["precision"] is not None:
        filters["precision"] = canonical_precision(filters["precision"])
    with opened_records(store, url, token) as opened:
        if oldest or after is not None:
            found = _all(opened, filters, None if after is None else _full_id(opened, after))
            page = list(islice(found, limit))
            more = next(found, None) is not None
        else:
            page, more = opened.trials(limit=limit, newest_first=True, **filters)[::-1], False
        studies = {each: opened.study(each) for each in dict.fromkeys(trial.study_id for trial in page)}
    if as_json:
        # By way of JSON, where pydantic spells out the NaN of a loss, which JSON itself does not have.
        click.echo(json.dumps([json.loads(each.model_dump_json()) for each in page], indent=2))
    else:
        _show(page, studies)
    if more:
        click.echo(f"There are more; go on with: --after {page[-1].id}", err=True)


trials_command.add_command(push_command)


def _all(store: Store, filters: dict[str, Any], after: str | None) -> Iterator[Trial]:
    page = store.trials(limit=_PAGE, after=after, **filters)
    while page:
        yield from page
        page = store.trials(limit=_PAGE, after=page[-1].id, **filters)


def _full_id(store: Store, beginning: str) -> str:
    """Return the id that begins like this, so that the short one of the table can be given."""
    if store.trial(beginning) is not None:
        return beginning
    found = [trial.id for trial in _all(store, {}, None) if trial.id.startswith(beginning)]
    if len(found) != 1:
        number = "No" if not found else "More than one"
        raise click.UsageError(f"{number} trial's id begins with {beginning!r}. Give one that autoprec trials shows.")
    return found[0]


def _show(page: Sequence[Trial], studies: dict[str, Study | None]) -> None:
    if not page:
        click.echo("No trials found. Measure some with: autoprec suggest WORKLOAD", err=True)
        return
    console = Console()
    widest = max(len(str(each.candidate)) for each in page)
    for id_, trials in groupby(page, key=lambda each: each.study_id):
        console.print(_study(studies[id_], id_, list(trials), widest))


def _study(study: Study | None, id_: str, trials: list[Trial], widest: int) -> Group:
    """Return a study's trials below what it was asked, with the reasons of those that did not go well."""
    asked = f": {study.mode}, {study.objective}, {study.budget_seconds:g} s, {study.status}" if study else ""
    place = f"{study.started_at.astimezone():%Y-%m-%d %H:%M}, {study.hardware_key}, {study.workload}" if study else ""
    reasons = [f"{each.id[:_ID_CHARACTERS]}  {_first_line(each.reason)}" for each in trials if each.status != "ok"]
    return Group(
        Text.assemble((f"study {id_}", "bold"), asked),
        _line(place),
        _table(trials, widest),
        *(_line(each) for each in reasons),
        Text(),
    )


def _line(text: str) -> Text:
    return Text(text, style="dim", no_wrap=True, overflow="ellipsis")


def _table(trials: list[Trial], widest: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("trial", no_wrap=True)
    # As wide for one study as for another; a very long name wraps, a figure never does.
    table.add_column("candidate", min_width=min(widest, 23), overflow="fold")
    table.add_column("phase", no_wrap=True, min_width=6)
    table.add_column("status", no_wrap=True, min_width=8)
    table.add_column("step time", justify="right", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True, min_width=8)
    for each in trials:
        table.add_row(*(Text(cell) for cell in _cells(each)))
    return table


def _cells(trial: Trial) -> tuple[str, ...]:
    return (
        trial.id[:_ID_CHARACTERS],
        str(trial.candidate),
        trial.phase,
        trial.status,
        duration(trial.step_time.median_seconds) if trial.step_time else _UNKNOWN,
        size(trial.peak_memory_bytes) if trial.peak_memory_bytes else _UNKNOWN,
    )


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
