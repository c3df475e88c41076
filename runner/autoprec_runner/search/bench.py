"""The bench on which a study's trials run: server, budget, ledger and progress, and the sessions that are open."""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import psutil

from autoprec_probe import HostReader, Reader
from autoprec_probe.candidate import Candidate
from autoprec_runner.isolation.forkserver import ForkServer
from autoprec_runner.search.budget import Budget, BudgetOverError
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.ledger import Ledger
from autoprec_runner.search.progress import Progress
from autoprec_runner.search.question import Question
from autoprec_runner.search.records import Recorder
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Objective, Trial
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.session import Setting, TrialSession, Variation

MEMORY_SHARE = 0.9
"""Share of the available memory that trials may take: the machine must stay usable."""
_OVER_SECONDS = 0.05


Preference = Callable[[Sequence[Trial], Objective, Constraints], Sequence[Candidate]]
"""Orders candidates by what a policy would answer if each proved stable; verification follows this order."""


@dataclass(kw_only=True)
class Bench:
    """What the phases of one study share. Closing it ends every child."""

    question: Question
    server: ForkServer
    setting: Setting
    budget: Budget
    ledger: Ledger
    preference: Preference
    progress: Progress
    reader: Reader = field(default_factory=HostReader)
    """The machine, to be looked at while trials are timed."""
    recorder: Recorder | None = None
    trials: list[Trial] = field(default_factory=list)
    _sessions: list[TrialSession] = field(default_factory=list)

    def start(self, candidate: Candidate, *, variation: Variation = "none") -> TrialSession:
        """Start a child for a candidate, limited to the memory that the study may still take."""
        self.progress.trying(candidate)
        limit = min(self._allowed_bytes, int(MEMORY_SHARE * psutil.virtual_memory().available))
        session = TrialSession(
            self.server,
            self.setting,
            candidate,
            memory_limit_bytes=limit,
            is_reference=candidate == self.question.reference and variation == "none",
            variation=variation,
            tried=self.recorder.prepared.tried if self.recorder else None,
        )
        self._sessions.append(session)
        return session

    def record(self, trial: Trial) -> Trial:
        """Store a finished trial at once."""
        self.ledger.add_trials([trial])
        self.trials.append(trial)
        self.progress.finished(trial)
        return trial

    def records(self) -> Recorder:
        """Return the recorder; it is there as soon as the reference has described the workload."""
        assert self.recorder is not None, "no trial is recorded before the workload is known"
        return self.recorder

    def within(self, seconds: float) -> float:
        """Return a time limit that keeps to the budget.

        Raises:
            BudgetOverError: Nothing is left.
        """
        return min(seconds, self.budget.require())

    def raise_if_over(self, failure: TrialFailedError) -> None:
        """Tell a trial that was cut off by the end of the budget from one that was too slow by itself.

        Raises:
            BudgetOverError: The budget is what ended it.
        """
        if failure.status == "timeout" and self.budget.remaining < _OVER_SECONDS:
            raise BudgetOverError from failure

    def is_crowded(self, field_of: Sequence[Contender]) -> bool:
        """Return whether two more trials of the size of those here would not fit beside them, were all awake."""
        peaks = [(each.session.evidence.peak_memory_bytes or 0, each.session.closed) for each in field_of]
        asleep = sum(peak for peak, closed in peaks if closed)
        everybody = sum(peak for peak, _ in peaks)
        machine = MEMORY_SHARE * (psutil.virtual_memory().available - asleep)
        free = min(machine, self._allowed_bytes - everybody)
        return 2 * max((peak for peak, _ in peaks), default=0) > free

    @property
    def processes(self) -> int:
        """How many processes of ours hold a device now: the children, and this one if it has used a GPU."""
        torch = sys.modules.get("torch")
        return sum(not each.closed for each in self._sessions) + bool(torch and torch.cuda.is_initialized())

    def close(self) -> None:
        """End every child, also those that come after one that cannot be ended."""
        with ExitStack() as stack:
            for session in self._sessions:
                stack.callback(session.close)

    @property
    def _allowed_bytes(self) -> int:
        limit = self.question.memory_limit_bytes
        return sys.maxsize if limit is None else limit
