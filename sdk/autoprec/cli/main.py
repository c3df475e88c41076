"""The `autoprec` command and its exit codes.

0  an answer
1  a failure of autoprec or its surroundings, such as a reader that closed the pipe
2  the call cannot be honoured as given: the message says what is allowed
3  no candidate qualifies: the reasons are part of the answer
4  the doctor found an error
130  interrupted before there was anything to answer
"""

import os
import sys
import warnings
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NamedTuple

import click

from autoprec import __version__

FAILED, USAGE, NOTHING_QUALIFIES, ERROR_FOUND, INTERRUPTED = 1, 2, 3, 4, 130


class _Command(NamedTuple):
    module: str
    help: str


_COMMANDS = {
    "probe": _Command("autoprec.cli.probe", "Show what this machine is."),
    "precisions": _Command("autoprec.cli.precisions", "List every precision with its support on this machine."),
    "suggest": _Command("autoprec.cli.suggest", "Recommend a precision for a workload, from trials of it."),
    "run": _Command("autoprec.cli.run", "Run a script in a precision, or in the best one."),
    "doctor": _Command("autoprec.cli.doctor", "Say what is known to go wrong with a workload, before any trial."),
    "trials": _Command("autoprec.cli.trials", "List stored trials."),
    "export": _Command("autoprec.cli.exchange", "Write stored studies and trials to a file."),
    "import": _Command("autoprec.cli.exchange", "Add the studies and trials of an exported file."),
    "db": _Command("autoprec.cli.db", "Look after the store: upgrade, check, backup, prune."),
    "serve": _Command("autoprec.cli.serve", "Answer over HTTP from the trials stored here."),
    "token": _Command("autoprec.cli.token", "Make, list and revoke the tokens of a service."),
    "agent": _Command("autoprec.cli.agent", "Report this machine to a service, at an interval."),
}


class _Lazy(click.Group):
    """Loads a command's file only when it is called: `probe` must not wait for what `suggest` needs."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the commands in the order in which a user meets them."""
        return list(_COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Return a command by its name."""
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[name].module), f"{name}_command")
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in _COMMANDS.items()])


@click.group(
    cls=_Lazy,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="autoprec")
@click.pass_context
def cli(context: click.Context) -> None:
    """Find the fastest numeric precision that a model and its hardware can hold, with proof."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; an error that the user can mend is one paragraph on stderr."""
    _spell_out_what_cannot_be_encoded()
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            code = _run(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            # What is still in the buffer goes nowhere, instead of failing once more when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
    return code


def _spell_out_what_cannot_be_encoded() -> None:
    """Let a terminal that knows no µ show its code instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(arguments: list[str] | None) -> int:
    try:
        return int(cli.main(arguments, prog_name="autoprec", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted before anything was measured.", err=True)
        return INTERRUPTED
    except Exception as error:
        code = _code(error)
        if code is None:
            raise
        click.echo(f"Error: {error}", err=True)
        return code


def _code(error: Exception) -> int | None:
    """Return the exit code of an error of ours; None for a defect, whose traceback is wanted."""
    from autoprec.client.errors import RefusedError, UnreachableError  # noqa: PLC0415
    from autoprec_probe.errors import ProbeError  # noqa: PLC0415 (`--help` shall not wait for it)
    from autoprec_runner.errors import RunnerError, TrialError  # noqa: PLC0415
    from autoprec_service.errors import ServiceError  # noqa: PLC0415

    if isinstance(error, TrialError | UnreachableError) or (isinstance(error, RefusedError) and error.is_a_failure):
        return FAILED
    return USAGE if isinstance(error, ProbeError | RunnerError | ServiceError) else None


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"Warning: {message}", err=True)
