"""A candidate on its way through a study."""

from dataclasses import dataclass, field

from autoprec_probe.candidate import Candidate
from autoprec_probe.support import Support
from autoprec_runner.trial import LargestBatch
from autoprec_runner.trials.energy import RoundEnergy
from autoprec_runner.trials.session import TrialSession


@dataclass(kw_only=True, eq=False)
class Contender:
    """A candidate with its support verdict and its session; the session may be replaced by a new one."""

    support: Support
    session: TrialSession
    energy: list[RoundEnergy] = field(default_factory=list)
    """What the rounds of its race took, where a meter tells."""

    largest_batch: LargestBatch | None = None
    """Where it was asked for and found."""

    @property
    def candidate(self) -> Candidate:
        """What is being tried."""
        return self.support.candidate
