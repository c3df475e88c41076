"""What a study needs of a store: every finished trial is written at once, and found again."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial


class Ledger(Protocol):
    """Keeps studies and their trials; whatever it has acknowledged survives the process."""

    def study(self, study_id: str, /) -> Study | None:
        """Return a study, or None if there is none of that id."""

    def save_study(self, study: Study, /) -> object:
        """Write a study; one of the same id is replaced."""

    def trials(self, *, study_id: str) -> Sequence[Trial]:
        """Return the trials of a study in the order in which they were added."""

    def add_trials(self, trials: Iterable[Trial], /) -> object:
        """Add trials; they are never changed afterwards."""
