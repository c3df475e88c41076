"""The `autoprec` command and its exit codes.

0  an answer
1  a failure of autoprec or its surroundings
2  the call cannot be honoured as given: the message says what is allowed
3  no candidate qualifies: the reasons are part of the answer
130  interrupted before there was anything to answer
"""

import sys
import warnings
from importlib import import_module
from typing import Any

import click

from autoprec import __version__
from autoprec_probe.errors import ProbeError
from autoprec_runner.errors import RunnerError, TrialError
from autoprec_service.errors import ServiceError

FAILED, USAGE, NOTHING_QUALIFIES, INTERRUPTED = 1, 2, 3, 130

_COMMANDS = {
    "probe": "autoprec.cli.probe",
    "precisions": "autoprec.cli.precisions",
    "suggest": "autoprec.cli.suggest",
    "trials": "autoprec.cli.trials",
    "export": "autoprec.cli.exchange",
    "import": "autoprec.cli.exchange",
    "serve": "autoprec.cli.serve",
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
        command: click.Command = getattr(import_module(_COMMANDS[name]), f"{name}_command")
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="autoprec")
def cli() -> None:
    """Find the fastest numeric precision that a model and its hardware can hold, with proof."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors that the user can mend are one paragraph and exit code 2."""
    warnings.showwarning = _show_warning
    try:
        cli.main(arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except TrialError as error:
        _fail(error, FAILED)
    except (ProbeError, RunnerError, ServiceError) as error:
        _fail(error, USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted before anything was measured.", err=True)
        sys.exit(INTERRUPTED)


def _fail(error: Exception, code: int) -> None:
    click.echo(f"Error: {error}", err=True)
    sys.exit(code)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"Warning: {message}", err=True)
