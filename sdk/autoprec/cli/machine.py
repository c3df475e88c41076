"""The option that lets a command speak of another machine, told by files that were written on it."""

from collections.abc import Callable
from typing import TypeVar

import click

from autoprec.machine import this_machine
from autoprec_probe import HardwareProfile

_Function = TypeVar("_Function", bound=Callable[..., object])


def captures(function: _Function) -> _Function:
    """Give a command `--from FILE…`: the option takes the first file, arguments take those after it."""
    option = click.option(
        "--from",
        "captures",
        multiple=True,
        metavar="FILE…",
        help="Read another machine from files written on it: /proc/cpuinfo, lscpu, nvidia-smi -q, rocm-smi --json, …",
    )
    return option(click.argument("more", nargs=-1, metavar="")(function))


def chosen_profile(captures: tuple[str, ...], more: tuple[str, ...]) -> HardwareProfile:
    """Return the profile of the machine that the files tell of, of this machine where none is named.

    Raises:
        UsageError: There are files and no `--from` before them.
        CaptureError: A file is of no known format, truncated or garbled, or two are not of one machine.
    """
    if more and not captures:
        raise click.UsageError(f"{more[0]!r} is no option. To read a machine from files, name them after --from.")
    if not captures:
        return this_machine()
    from autoprec_probe.captures.reading import read_captures  # noqa: PLC0415 (this machine needs no file format)

    return read_captures((*captures, *more))
