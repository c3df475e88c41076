"""The second phase: a few steps of each candidate, cut off as soon as it cannot win."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, repeat

from autoprec_probe.candidate import Candidate, Device
from autoprec_runner.quantities import duration
from autoprec_runner.search.bench import Bench
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.diagnose import first_bad_module
from autoprec_runner.trial import Objective, Phase
from autoprec_runner.trials.evidence import Evidence
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.session import TrialSession
from autoprec_runner.trials.stability import fp16_warning, unstable_already

CUT_OFF = {"throughput": 4.0, "energy": 4.0, "time-to-loss": 4.0, "balanced": 8.0, "memory": 25.0}
"""A candidate is cut off when one step takes this many times the best candidate's, by objective."""
_ALONE_CUT_OFF, _ALONE_SHARE = 25.0, 0.25
"""The first of all may take so many times its own first step, and at least this share of the budget: only a hang is
to be caught, because the whole study ends with it."""
_COMPILING_CUT_OFF = 10.0
"""And for first steps that compile what later ones run: they say little of its pace."""
LEAST_CUT_OFF_SECONDS = 0.5
"""Steps shorter than this are never cut off: a busy neighbour may be what slows them down."""
_FIRST_STEP_SHARE, _FIRST_STEP_SHARE_ELSEWHERE = 0.03, 0.08
"""Nor is a first step shorter than this share of the budget, on a CPU and elsewhere: libraries still load kernels."""
_PREPARATION_FACTOR, _LEAST_PREPARATION_SECONDS = 4.0, 5.0
"""Setting a candidate up may take so many times what the reference took, and at least so long."""
MAX_STEPS = 1000
_MOST_WARM_STEPS = 300
"""Very short steps are as many after a moment as tell whether they are steady."""
FEWEST_TIMED_STEPS = 3
_SECONDS_SHARE, _LEAST_SECONDS, _MOST_SECONDS = 0.02, 0.2, 2.0
_WARM_UPS = 4
_FIRST_LOOK = 0.25
"""Share of that time after which it is clear who is hopeless."""
HOPELESS = 2.0
"""A candidate so many times slower than the best is not worth more steps."""


@dataclass(kw_only=True)
class Pace:
    """The best candidate's step times so far, and how much slower another may be."""

    objective: Objective
    budget_seconds: float
    device: Device = "cpu"
    first_seconds: float = math.inf
    step_seconds: float = math.inf
    leader: Candidate | None = None
    reference: Contender | None = None
    prepare_seconds: float = 0.0

    def follow(self, reference: Contender) -> None:
        """Take the contender that all others are compared with, and how long it took to set up."""
        self.reference, self.prepare_seconds = reference, reference.session.prepare_seconds

    @property
    def reference_evidence(self) -> Evidence | None:
        """What the reference has shown; None as long as there is none."""
        return self.reference.session.evidence if self.reference else None

    def note(self, session: TrialSession) -> None:
        """Take the times of a candidate that has sprinted; an emulation has none to be measured by."""
        if session.candidate.emulate:
            return
        evidence = session.evidence
        self.first_seconds = min(self.first_seconds, evidence.first_step_seconds or math.inf)
        if evidence.typical_seconds < self.step_seconds:
            self.step_seconds, self.leader = evidence.typical_seconds, session.candidate

    def first_limit(self) -> float:
        """Seconds that a first step may take."""
        if self.leader is None:
            return self.budget_seconds / 2
        share = _FIRST_STEP_SHARE if self.device == "cpu" else _FIRST_STEP_SHARE_ELSEWHERE
        least = max(LEAST_CUT_OFF_SECONDS, share * self.budget_seconds)
        factor = CUT_OFF[self.objective]
        if self.reference_evidence and self.reference_evidence.compile_seconds:
            factor = max(factor, _COMPILING_CUT_OFF)
        return max(least, factor * self.first_seconds)

    def limit(self, first_step_seconds: float | None = None) -> float:
        """Seconds that a later step may take; without a leader yet, by what the first one took."""
        if self.leader is None:
            return max(_ALONE_SHARE * self.budget_seconds, _ALONE_CUT_OFF * (first_step_seconds or math.inf))
        return max(LEAST_CUT_OFF_SECONDS, CUT_OFF[self.objective] * self.step_seconds)

    def preparation_limit(self) -> float:
        """Seconds that setting a candidate up may take."""
        return max(_LEAST_PREPARATION_SECONDS, _PREPARATION_FACTOR * self.prepare_seconds)

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
        set_up(bench, contender.session, pace)
    return went.well and sprint_prepared(bench, contender, pace)


def set_up(bench: Bench, session: TrialSession, pace: Pace) -> None:
    """Have a session load the workload, in about the time that it took the reference."""
    limit = pace.preparation_limit()
    try:
        session.prepare(timeout_seconds=bench.within(limit))
    except TrialFailedError as failure:
        if failure.status != "timeout":
            raise
        raise TrialFailedError("timeout", f"Setting it up did not end within {duration(limit)}.") from failure


def sprint_prepared(bench: Bench, contender: Contender, pace: Pace) -> bool:
    """Do the same for a candidate whose session is already set up."""
    session, records = contender.session, bench.records()
    with recording(bench, contender, "sprint", pace) as went:
        _run_steps(bench, session, pace)
    if not went.well:
        return False
    if session.evidence.first_nonfinite_step is not None:
        first_bad_module(bench, session)
    if bad := unstable_already(session.evidence, pace.reference_evidence):
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
        if pace.reference_evidence and contender.candidate.precision.startswith("16-"):
            reason += fp16_warning(pace.reference_evidence)
        contender.session.close()
        bench.record(bench.records().failed(contender, phase, status=failure.status, reason=reason))


def _run_steps(bench: Bench, session: TrialSession, pace: Pace) -> None:
    candidate = session.candidate
    # Neither emulating nor compiling says how slow the format is.
    first_limit = pace.budget_seconds / 2 if candidate.emulate or candidate.compile else pace.first_limit()
    with _cut_off(pace, first_limit, "first"):
        session.observe(steps=1, max_seconds=0.0, timeout_seconds=bench.within(first_limit))
        session.settle(timeout_seconds=bench.within(first_limit))
    seconds = min(max(_SECONDS_SHARE * bench.question.budget_seconds, _LEAST_SECONDS), _MOST_SECONDS)
    ends_at = bench.budget.elapsed + _WARM_UPS * seconds
    for share in chain([_FIRST_LOOK], repeat(1.0)):
        if session.evidence.first_nonfinite_step is not None:
            return
        limit = pace.limit(session.evidence.first_step_seconds) if not session.candidate.emulate else first_limit
        with _cut_off(pace, limit, "next"):
            session.warm_up(
                max_steps=_MOST_WARM_STEPS,
                max_seconds=share * seconds,
                timeout_seconds=bench.within(share * seconds + limit),
            )
        hopeless = session.evidence.typical_seconds > HOPELESS * pace.step_seconds
        done = hopeless or (session.is_warm and share == 1)
        enough = len(session.evidence.rounds[-1]) >= FEWEST_TIMED_STEPS
        if (enough and done) or bench.budget.elapsed > ends_at:
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
