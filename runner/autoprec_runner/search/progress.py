"""What a study tells while it runs."""

from autoprec_probe.candidate import Candidate
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.search.budget import Budget
from autoprec_runner.trial import Phase, Trial


class Progress:
    """Listens to a study; this one stays silent, a subclass shows what it wants. Called from the study's own thread."""

    def start(self, budget: Budget) -> None:
        """Begin: the clock of the study is running."""

    def found(self, finding: Finding) -> None:
        """Note what the doctor says before the first trial."""

    def phase(self, phase: Phase) -> None:
        """Note that a phase begins."""

    def trying(self, candidate: Candidate) -> None:
        """Note that a candidate is being run now."""

    def finished(self, trial: Trial) -> None:
        """Note that a trial has been stored."""

    def stop(self) -> None:
        """Note that the study is over, however it ended."""
