"""`autoprec suggest WORKLOAD`: the answer, from trials of the workload."""

import sys
from typing import get_args

import click
from rich.console import Console

from autoprec.cli import options
from autoprec.suggestion import suggest
from autoprec_probe import canonical_precision
from autoprec_runner.trial import Mode, Objective


@click.command("suggest")
@click.argument("workload")
@click.option("--mode", type=click.Choice(get_args(Mode)), help="Default: what the workload says, else train.")
@click.option("--objective", type=click.Choice(get_args(Objective)), default="throughput", show_default=True)
@click.option(
    "--candidates", metavar="P,P,…", help="Precisions to try, separated by commas. Default: all that make sense."
)
@click.option("--max-memory", metavar="SIZE", help="The most that a step may take, such as 40GiB.")
@click.option("--tolerance", type=float, help="Accepted loss gap (train, 0.05) or output error (inference, 0.02).")
@click.option("--device", default="auto", show_default=True)
@click.option("--budget", type=float, default=60.0, show_default=True, help="Seconds for the whole study.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--fresh", is_flag=True, help="Measure anew even if this question has been answered before.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@options.store
@options.as_json
def suggest_command(
    *,
    workload: str,
    mode: Mode | None,
    objective: Objective,
    candidates: str | None,
    max_memory: str | None,
    tolerance: float | None,
    device: str,
    budget: float,
    seed: int,
    fresh: bool,
    quiet: bool,
    store: str | None,
    as_json: bool,
) -> None:
    """Recommend a precision for WORKLOAD, given as file.py:factory or package.module:factory.

    The factory takes no arguments and returns a torch.nn.Module, an autoprec.Workload, (model, batch) or
    (model, batch, loss). Exit code 3 means that no candidate qualifies.
    """
    answer = suggest(
        workload,
        mode=mode,
        objective=objective,
        candidates=None if candidates is None else [canonical_precision(each) for each in candidates.split(",")],
        max_memory=max_memory,
        tolerance=tolerance,
        device=device,
        budget=budget,
        seed=seed,
        fresh=fresh,
        progress=not quiet,
        store=store,
    )
    if as_json:
        click.echo(answer.model_dump_json(indent=2))
    else:
        Console().print(answer.table())
    if not answer:
        sys.exit(3)
