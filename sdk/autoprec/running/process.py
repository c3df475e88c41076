"""The process of a script: signals go to it, its exit code comes from it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

_PASSED_ON = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2})
_WATCHED = _PASSED_ON | {signal.SIGCHLD}
_BY_A_SIGNAL = 128
"""What shells add to the number of the signal that ended a process."""


class ScriptProcess:
    """A script in a process of its own, in our process group, so that the terminal is its terminal too.

    As long as it runs, signals that come to us go to it. What a terminal sends at Ctrl-C it has got already, so that
    this alone is not passed on.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment

    def run(self) -> int:
        """Run it to its end and return its exit code; 128 and the number of the signal that ended it, if one did."""
        with _blocked() as before:
            process = subprocess.Popen(  # noqa: S603 (what the user asked for)
                self._command,
                env=dict(self._environment),
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before),  # noqa: PLW1509 (no lock is taken)
            )
            while process.poll() is None:
                _pass_on(process)
        return process.returncode if process.returncode >= 0 else _BY_A_SIGNAL - process.returncode


@contextmanager
def _blocked() -> Iterator[set[int]]:
    """Hold signals back until they are waited for; yield what was held back before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pass_on(process: "subprocess.Popen[bytes]") -> None:
    """Wait for a signal, or for the end of the process."""
    number, from_terminal = _next_signal()
    if number in _PASSED_ON and not from_terminal:
        with suppress(ProcessLookupError):
            process.send_signal(number)


def _next_signal() -> tuple[int, bool]:
    """Return the next signal, and whether the kernel sent it for a terminal to the whole process group."""
    if sys.platform == "darwin":  # does not tell who sent it
        number = signal.sigwait(_WATCHED)
        return number, number in {signal.SIGINT, signal.SIGQUIT} and os.isatty(0)
    told = signal.sigwaitinfo(_WATCHED)
    return told.si_signo, told.si_code > 0
