"""The second phase: a few steps of each candidate, cut off as soon as it cannot win."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from autoprec_probe.candidate import Candidate
from autoprec_runner.quantities import duration
from autoprec_runner.search.bench import Bench
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.diagnose import first_bad_module
from autoprec_runner.trial import Objective, Phase
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.session import TrialSession
from autoprec_runner.trials.stability import fp16_warning, unstable_already

CUT_OFF = {"throughput": 4.0, "energy": 4.0, "balanced": 8.0, "memory": 25.0}
"""A candidate is cut off when one step takes this many times the best candidate's, by objective."""
LEAST_CUT_OFF_SECONDS = 0.5
"""Steps shorter than this are never cut off: at the first one, libraries still initialise themselves."""
MAX_STEPS = 1000
FEWEST_TIMED_STEPS = 3
_SECONDS_SHARE, _LEAST_SECONDS, _MOST_SECONDS = 0.02, 0.2, 2.0
_WARM_UPS = 4
_HOPELESS = 2.0


@dataclass(kw_only=True)
class Pace:
    """The best candidate's step times so far, and how much slower another may be."""

    objective: Objective
    first_seconds: float = math.inf
    step_seconds: float = math.inf
    leader: Candidate | None = None
    reference: TrialSession | None = None

    def note(self, session: TrialSession) -> None:
        """Take the times of a candidate that has sprinted."""
        evidence = session.evidence
        self.first_seconds = min(self.first_seconds, evidence.first_step_seconds or math.inf)
        if evidence.typical_seconds < self.step_seconds:
            self.step_seconds, self.leader = evidence.typical_seconds, session.candidate

    def first_limit(self) -> float:
        """Seconds that a first step may take."""
        return max(LEAST_CUT_OFF_SECONDS, CUT_OFF[self.objective] * self.first_seconds)

    def limit(self) -> float:
        """Seconds that a later step may take."""
        return max(LEAST_CUT_OFF_SECONDS, CUT_OFF[self.objective] * self.step_seconds)

    def sentence(self, limit: float, which: str) -> str:
        """Say why a candidate was cut off."""
        if self.leader is None:
            return f"Its {which} step did not end within {duration(limit)}."
        return (
            f"Too slow: cut off when its {which} step was still running after {duration(limit)}, "
            f"while {self.leader} takes {duration(self.step_seconds)} a step."
        )


def sprint(bench: Bench, contender: Contender, pace: Pace) -> bool:
    """Set a candidate up and run a few steps of it; record the trial and return whether it ended well.

    Raises:
        BudgetOverError: The study's time ended first.
    """
    with recording(bench, contender, "sprint", pace) as went:
        contender.session.prepare(timeout_seconds=bench.within(bench.question.budget_seconds / 2))
    return went.well and sprint_prepared(bench, contender, pace)


def sprint_prepared(bench: Bench, contender: Contender, pace: Pace) -> bool:
    """Do the same for a candidate whose session is already set up."""
    session, records = contender.session, bench.records()
    with recording(bench, contender, "sprint", pace) as went:
        _run_steps(bench, session, pace)
    if not went.well:
        return False
    if session.evidence.first_nonfinite_step is not None:
        first_bad_module(bench, session)
    if bad := unstable_already(session.evidence, pace.reference.evidence if pace.reference else None):
        session.close()
        bench.record(records.unstable(contender, "sprint", bad))
        return False
    bench.record(records.measured(contender, "sprint"))
    pace.note(session)
    return True


@dataclass
class Went:
    """How what ran inside `recording` ended."""

    well: bool = True


@contextmanager
def recording(bench: Bench, contender: Contender, phase: Phase, pace: Pace) -> Iterator[Went]:
    """Store a trial that fails inside; one in fp16 also hears what the reference says of its range.

    Raises:
        BudgetOverError: It was the study's time that ended, not the candidate.
    """
    went = Went()
    try:
        yield went
    except TrialFailedError as failure:
        bench.raise_if_over(failure)
        went.well = False
        reason = str(failure)
        if pace.reference is not None and contender.candidate.precision.startswith("16-"):
            reason += fp16_warning(pace.reference.evidence)
        contender.session.close()
        bench.record(bench.records().failed(contender, phase, status=failure.status, reason=reason))


def _run_steps(bench: Bench, session: TrialSession, pace: Pace) -> None:
    first_limit = pace.first_limit() if pace.leader else bench.question.budget_seconds / 2
    with _cut_off(pace, first_limit, "first"):
        session.observe(steps=1, max_seconds=0.0, timeout_seconds=bench.within(first_limit))
    seconds = min(max(_SECONDS_SHARE * bench.question.budget_seconds, _LEAST_SECONDS), _MOST_SECONDS)
    for _ in range(_WARM_UPS):
        if session.evidence.first_nonfinite_step is not None:
            return
        limit = pace.limit() if pace.leader else bench.question.budget_seconds / 2
        with _cut_off(pace, limit, "next"):
            session.warm_up(max_steps=MAX_STEPS, max_seconds=seconds, timeout_seconds=bench.within(seconds + limit))
        hopeless = session.evidence.typical_seconds > _HOPELESS * pace.step_seconds
        enough = len(session.evidence.rounds[-1]) >= FEWEST_TIMED_STEPS
        if enough and (session.is_warm or hopeless):
            return


@contextmanager
def _cut_off(pace: Pace, limit: float, which: str) -> Iterator[None]:
    """Turn a time-out inside into the sentence that says what it was too slow against."""
    try:
        yield
    except TrialFailedError as failure:
        if failure.status != "timeout":
            raise
        raise TrialFailedError("timeout", pace.sentence(limit, which)) from failure
