"""How the progress of a study is shown: rich in a terminal, tqdm in a notebook, nothing where nobody looks."""

import sys
from typing import TYPE_CHECKING, Any

from autoprec_probe.candidate import Candidate
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.quantities import duration
from autoprec_runner.search.budget import Budget
from autoprec_runner.search.progress import Progress
from autoprec_runner.trial import Phase, Trial

if TYPE_CHECKING:
    from rich.progress import Task
    from rich.table import Column

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
        from rich.table import Column  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        super().start(budget)

        class TimeLeft(ProgressColumn):
            def render(self, task: "Task") -> Text:
                task.completed = min(budget.elapsed, budget.seconds)
                return Text(f"at most {budget.remaining:.0f} s left", style="progress.remaining")

        def column(ratio: int | None = None) -> "Column":
            return Column(no_wrap=True, overflow="ellipsis", ratio=ratio)

        self._bar: Any = Progress(
            TextColumn("{task.description}", markup=False, table_column=column(2)),
            BarColumn(None, table_column=column(1)),
            TimeLeft(table_column=column()),
            console=Console(stderr=True),
            transient=True,
            expand=True,
            refresh_per_second=_REFRESHES_PER_SECOND,
        )
        self._task = self._bar.add_task(self._words, total=budget.seconds)
        self._bar.start()

    def found(self, finding: Finding) -> None:
        """Print a line for the finding; notes wait for the report."""
        from rich.text import Text  # noqa: PLC0415 (only where there is a terminal)

        if finding.severity != "note":
            line = f"  doctor  {finding.id:<23}  {finding.severity:<11} {finding.sentence}"
            self._bar.console.print(Text(line), no_wrap=True, overflow="ellipsis")

    def finished(self, trial: Trial) -> None:
        """Print a line for the trial."""
        from rich.text import Text  # noqa: PLC0415 (only where there is a terminal)

        line = f"  {trial.phase:<7} {trial.candidate!s:<23}  {trial.status:<11} {_outcome(trial)}"
        self._bar.console.print(Text(line), no_wrap=True, overflow="ellipsis")

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
        self._bar: Any = tqdm(total=round(budget.seconds), unit="s", leave=False, bar_format="{desc} {bar} {postfix}")
        self._show()

    def finished(self, trial: Trial) -> None:  # noqa: ARG002 (the next candidate says it all)
        """Move the bar on."""
        self._show()

    def stop(self) -> None:
        """Remove the bar."""
        self._bar.close()

    def _show(self) -> None:
        self._bar.n = round(min(self._budget.elapsed, self._budget.seconds))
        self._bar.set_postfix_str(f"at most {self._budget.remaining:.0f} s left", refresh=False)
        self._bar.set_description_str(self._words)


def _outcome(trial: Trial) -> str:
    """Return what a line has room for: the step time, or the first line of what went wrong."""
    if trial.status != "ok":
        return trial.reason.splitlines()[0] if trial.reason else ""
    return f"{duration(trial.step_time.median_seconds)} a step" if trial.step_time else ""


def _in_notebook() -> bool:
    """Return whether we run in a kernel of a notebook, without importing IPython where nobody did.

    Hosted notebooks derive their shells from Jupyter's.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return any(each.__name__ == "ZMQInteractiveShell" for each in type(shell).__mro__)
