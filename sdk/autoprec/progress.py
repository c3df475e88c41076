"""How the progress of a study is shown: rich in a terminal, tqdm in a notebook, nothing where nobody looks."""

import sys
from typing import TYPE_CHECKING, Any

from autoprec_probe.candidate import Candidate
from autoprec_runner.quantities import duration
from autoprec_runner.search.budget import Budget
from autoprec_runner.search.progress import Progress
from autoprec_runner.trial import Phase, Trial

if TYPE_CHECKING:
    from rich.progress import Task

_REFRESHES_PER_SECOND = 2
"""Seldom, since drawing takes time from what is being measured."""


def choose_progress(*, wanted: bool) -> Progress:
    """Return the display that fits where we run; it writes to stderr, so that results can be piped."""
    if not wanted:
        return Progress()
    if _in_notebook():
        return NotebookProgress()
    return TerminalProgress() if sys.stderr.isatty() else Progress()


class _Described(Progress):
    """Keeps phase and candidate in words."""

    def __init__(self) -> None:
        self._phase: str = "load"
        self._candidate = ""
        self._budget = Budget(1.0)

    def start(self, budget: Budget) -> None:
        """Begin with the study's clock."""
        self._budget = budget

    def phase(self, phase: Phase) -> None:
        """Show the phase."""
        self._phase, self._candidate = phase, ""
        self._show()

    def trying(self, candidate: Candidate) -> None:
        """Show the candidate."""
        self._candidate = str(candidate)
        self._show()

    def finished(self, trial: Trial) -> None:
        """Show how a trial ended."""

    def _show(self) -> None:
        raise NotImplementedError

    @property
    def _words(self) -> str:
        return f"{self._phase}: {self._candidate}" if self._candidate else self._phase


class TerminalProgress(_Described):
    """A bar with phase, candidate and time left; finished trials scroll by above it."""

    def start(self, budget: Budget) -> None:
        """Draw the bar."""
        from rich.console import Console  # noqa: PLC0415 (only where there is a terminal)
        from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        super().start(budget)

        class TimeLeft(ProgressColumn):
            def render(self, task: "Task") -> Text:
                task.completed = min(budget.elapsed, budget.seconds)
                return Text(f"at most {budget.remaining:.0f} s left", style="progress.remaining")

        self._bar: Any = Progress(
            TextColumn("{task.description}"),
            TimeLeft(),
            BarColumn(),
            console=Console(stderr=True),
            transient=True,
            refresh_per_second=_REFRESHES_PER_SECOND,
        )
        self._task = self._bar.add_task("load", total=budget.seconds)
        self._bar.start()

    def finished(self, trial: Trial) -> None:
        """Print a line for the trial."""
        what = duration(trial.step_time.median_seconds) + " a step" if trial.step_time else ""
        if trial.status != "ok":
            what = trial.reason.splitlines()[0]
        self._bar.console.print(f"  {trial.phase:<7}{trial.candidate!s:<24}{trial.status:<12}{what}", highlight=False)

    def stop(self) -> None:
        """Remove the bar."""
        self._bar.stop()

    def _show(self) -> None:
        self._bar.update(self._task, description=self._words)


class NotebookProgress(_Described):
    """tqdm's bar, which a notebook shows as a widget; moved on at events, since a thread would disturb the timing."""

    def start(self, budget: Budget) -> None:
        """Draw the bar."""
        import warnings  # noqa: PLC0415 (used here alone)

        from tqdm import TqdmWarning  # noqa: PLC0415 (only in a notebook)

        super().start(budget)
        with warnings.catch_warnings():
            # Without ipywidgets, tqdm falls back to text and says so; that is good enough.
            warnings.simplefilter("ignore", TqdmWarning)
            from tqdm.auto import tqdm  # noqa: PLC0415
        self._bar: Any = tqdm(total=round(budget.seconds), unit="s", leave=False, bar_format="{desc} {bar} {remaining}")

    def stop(self) -> None:
        """Remove the bar."""
        self._bar.close()

    def _show(self) -> None:
        self._bar.n = round(min(self._budget.elapsed, self._budget.seconds))
        self._bar.set_description_str(self._words)


def _in_notebook() -> bool:
    """Return whether we run in a Jupyter kernel, without importing IPython where nobody did."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
