"""`autoprec suggest WORKLOAD`: the answer, from trials of the workload."""

from typing import Literal, get_args

import click
from rich.console import Console

from autoprec.cli import options
from autoprec.cli.main import NOTHING_QUALIFIES
from autoprec.recommendation import Recommendation
from autoprec.suggestion import suggest
from autoprec_probe.candidate import Strategy
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
@options.strategy
@click.option("--devices", type=int, default=1, show_default=True, help="Processes that share the step of a trial.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, …")
@click.option("--batch-size", type=click.Choice(["max"]), help="Find the largest batch of each contender.")
@click.option("--compile", "compiled", is_flag=True, help="Try the survivors compiled, too (torch.compile).")
@click.option("--budget", type=float, default=60.0, show_default=True, help="Seconds for the whole study.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--fresh", is_flag=True, help="Measure anew even if this question has been answered before.")
@click.option(
    "--hardware", metavar="KEY", help="Predict for a machine that is not at hand, such as nvidia-h100-80gb-hbm3."
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
@options.url
@options.token
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
    strategy: Strategy,
    devices: int,
    device: str,
    batch_size: Literal["max"] | None,
    compiled: bool,
    budget: float,
    seed: int,
    fresh: bool,
    hardware: str | None,
    quiet: bool,
    url: str | None,
    token: str | None,
    store: str | None,
    as_json: bool,
) -> int:
    """Recommend a precision for WORKLOAD, given as file.py:factory or package.module:factory.

    The factory takes no arguments and returns a torch.nn.Module, an autoprec.Workload, (model, batch) or
    (model, batch, loss). The answer goes to stdout; progress, warnings and errors go to stderr. Ctrl-C ends the study
    early with the best answer so far; the same command goes on from there.

    \b
    Exit codes:
      0    an answer
      1    a failure of autoprec or its surroundings
      2    the call cannot be honoured as given
      3    no candidate qualifies: the reasons are part of the answer
      130  interrupted before anything was measured
    """  # noqa: D301 (\b is click's mark for lines to be left as they are)
    answer = suggest(
        workload,
        mode=mode,
        objective=objective,
        candidates=None if candidates is None else [each.strip() for each in candidates.split(",")],
        max_memory=max_memory,
        tolerance=tolerance,
        strategy=strategy,
        devices=devices,
        device=device,
        compile=compiled,
        batch_size=batch_size,
        budget=budget,
        seed=seed,
        fresh=fresh,
        hardware=hardware,
        progress=not quiet,
        store=store,
        url=url,
        token=token,
    )
    if answer.interrupted and not _measured(answer):
        raise KeyboardInterrupt
    if as_json:
        click.echo(answer.model_dump_json(indent=2))
    else:
        Console().print(answer.table())
    return 0 if answer else NOTHING_QUALIFIES


def _measured(answer: Recommendation) -> bool:
    return any(trial.phase != "screen" for trial in answer.trials)
