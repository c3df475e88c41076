"""`autoprec run SCRIPT --precision …`: a script in the precision that is named, or that is the best for it."""

import os
import platform
import sys
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from autoprec.cli import options
from autoprec.cli.main import NOTHING_QUALIFIES
from autoprec.client.address import Address, chosen_address, named_url
from autoprec.running.choice import Choice, choice_of, known, named
from autoprec.running.process import ScriptProcess
from autoprec_runner.chosen import AUTO, PRECISION_VARIABLE, TAKEN_VARIABLE

_OURS_AFTER_SCRIPT = ("--precision", "--workload")
_NODE_VARIABLE = "AUTOPREC_NODE"


@click.command("run", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})
@click.option("--precision", metavar="auto|STRING", help="A precision, or auto for the best that is known or measured.")
@click.option("--workload", metavar="FILE.py:FACTORY", help="What auto measures, unless that has been done before.")
@click.option("--model", metavar="FINGERPRINT", help="Take for auto what is known of this model, and measure nothing.")
@click.option("--budget", type=float, default=60.0, show_default=True, help="Seconds for measuring.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@options.url
@options.token
@options.store
@click.argument("script", type=click.Path(exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_command(
    *,
    precision: str | None,
    workload: str | None,
    model: str | None,
    budget: float,
    quiet: bool,
    url: str | None,
    token: str | None,
    store: str | None,
    script: str,
    arguments: tuple[str, ...],
) -> int:
    """Run SCRIPT, in which autoprec.Engine() and autoprec.precision() take what is chosen here.

    Options stand before SCRIPT; what comes after it is the script's, but for --precision and --workload, which may
    stand there too. Whatever follows -- is the script's alone. Signals and Ctrl-C go to the script, and its exit code
    comes from it. While it runs, a service that AUTOPREC_URL or --url names is told so every 30 seconds.

    \b
    autoprec run train.py --precision bf16-mixed --epochs 3
    autoprec run --workload train.py:workload train.py --precision auto

    Where the script is not started, the exit codes are those of `autoprec suggest`.
    """  # noqa: D301 (\b is click's mark for lines to be left as they are)
    given, rest = _split(arguments)
    precision = given.get("--precision", precision)
    address = chosen_address(url, token) if named_url(url) else None
    if precision is None:
        raise click.UsageError("Say what to run it in: --precision auto, or one that `autoprec precisions` lists.")
    if precision == AUTO:
        choice = _auto(
            given.get("--workload", workload), model, budget=budget, quiet=quiet, store=store, address=address
        )
        if choice is None:
            return NOTHING_QUALIFIES
    else:
        choice = named(precision)
    if not quiet and choice.because:
        click.echo(f"{script} runs in {choice.candidate}: {choice.because}.", err=True)
    return _run(script, rest, choice, address, quiet=quiet)


def _split(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return our options among what follows the script, and what is the script's."""
    given, rest, waiting = dict[str, str](), list[str](), list(arguments)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            return given, rest + waiting
        if name not in _OURS_AFTER_SCRIPT:
            rest.append(word)
        elif equals or waiting:
            given[name] = value if equals else waiting.pop(0)
        else:
            raise click.UsageError(f"Option {name!r} requires an argument.")
    return given, rest


def _auto(
    workload: str | None,
    model: str | None,
    *,
    budget: float,
    quiet: bool,
    store: str | None,
    address: Address | None,
) -> Choice | None:
    """Return what `auto` stands for, None where no candidate qualifies; the reasons are told then."""
    if (workload is None) == (model is None):
        raise click.UsageError(
            "auto needs to know what the script trains: give --workload FILE.py:FACTORY to measure it once, or --model "
            "FINGERPRINT for what is known of a model. One of them.",
        )
    if model is not None:
        from autoprec_service.store import open_store  # noqa: PLC0415 (a precision that is named needs no store)

        with open_store(store) as opened:
            return known(model, opened, address)
    from autoprec.suggestion import suggest  # noqa: PLC0415

    assert workload is not None, "one of the two is given"
    url, token = (None, None) if address is None else (address.url, address.token)
    answer = suggest(workload, budget=budget, progress=not quiet, store=store, url=url, token=token)
    if answer.interrupted:
        raise KeyboardInterrupt
    if not answer:
        click.echo("\n".join(("No precision can be recommended.", *answer.reasons)), err=True)
        return None
    return choice_of(answer, ", ".join(answer.circumstances))


def _run(script: str, arguments: Sequence[str], choice: Choice, address: Address | None, *, quiet: bool) -> int:
    with TemporaryDirectory(prefix="autoprec-run-") as folder:
        taken = Path(folder) / "taken"
        environment = {**os.environ, PRECISION_VARIABLE: choice.variable, TAKEN_VARIABLE: str(taken)}
        process = ScriptProcess([sys.executable, script, *arguments], environment)
        with _reported(script, choice, address):
            code = process.run()
        if code == 0 and not taken.exists() and not quiet:
            click.echo(
                f"Warning: {script} never asked for the precision {choice.candidate}, so that something else may have "
                "run. Use autoprec.Engine() without a precision, or autoprec.precision(). An option --precision of the "
                "script's own is given after --.",
                err=True,
            )
    return code


def _reported(script: str, choice: Choice, address: Address | None) -> AbstractContextManager[object]:
    """Return what tells a service of the run, if one is named."""
    if address is None:
        return nullcontext()
    from autoprec.client.attempts import Patience  # noqa: PLC0415 (HTTP is loaded where a service is named)
    from autoprec.client.blocking import Client  # noqa: PLC0415
    from autoprec.machine import this_machine  # noqa: PLC0415
    from autoprec.remote.outbox import default_outbox  # noqa: PLC0415
    from autoprec.running.reporter import RunReporter  # noqa: PLC0415
    from autoprec_service.run import Run  # noqa: PLC0415

    now = datetime.now(UTC)
    profile = this_machine()
    run = Run(
        id=uuid.uuid4().hex,
        node=os.environ.get(_NODE_VARIABLE) or platform.node(),
        model_fingerprint=choice.model_fingerprint,
        workload=Path(script).name,
        hardware_key=profile.key_for(profile.default_device),
        precision=choice.candidate.precision,
        mode=choice.mode,
        started_at=now,
        seen_at=now,
    )
    client = Client(address.url, address.token, timeout=5.0, patience=Patience(retries=1))
    return RunReporter(client, run, default_outbox(), _warn)


def _warn(sentence: str) -> None:
    click.echo(f"Warning: {sentence}", err=True)
