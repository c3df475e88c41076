"""How many samples fit into a batch of each contender, and how fast it is then."""

from collections.abc import Sequence
from dataclasses import dataclass

from autoprec_runner.search.bench import Bench
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.sprint import Pace, set_up
from autoprec_runner.trial import BatchLimit, LargestBatch
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.session import Enlarged, TrialSession

ENDS_AT = 0.75
"""Share of the budget after which no larger batch is tried: verification comes next."""
_CLOSE_ENOUGH = 8
"""The search ends where the gap is an eighth of what fits."""
_STEPS = 3


def find_largest_batches(bench: Bench, field: Sequence[Contender], pace: Pace) -> None:
    """Find the largest batch of each contender in turn, every one alone on the device; who was awake is ended first.

    Raises:
        BudgetOverError: The study's time ended first.
    """
    for contender in field:
        contender.session.close()
    for place, contender in enumerate(field):
        if contender.candidate.compile:  # every size would be another program
            continue
        share = bench.budget.left_until(ENDS_AT) / (len(field) - place)
        contender.largest_batch = _Search(bench, contender, pace, ends_at=bench.budget.elapsed + share).run()


@dataclass
class _Search:
    """Doubles the batch until it does not fit, then closes in on the limit from both sides."""

    bench: Bench
    contender: Contender
    pace: Pace
    ends_at: float
    _fits: int = 0
    _beyond: int | None = None
    _best: Enlarged | None = None
    _session: TrialSession | None = None

    def run(self) -> LargestBatch | None:
        """Return the largest batch that fitted; None if none did, or nobody knows what a sample is."""
        rows = self.bench.records().prepared.batch_size
        if rows is None:
            return None
        try:
            limit = self._close_in()
        finally:
            self._close()
        if self._best is None:
            return None
        return LargestBatch(
            batch_size=rows * self._fits,
            samples_per_second=rows * self._fits / self._best.step_seconds,
            step_seconds=self._best.step_seconds,
            peak_memory_bytes=self._best.peak_memory_bytes,
            limited_by=limit,
        )

    def _close_in(self) -> BatchLimit:
        while factor := self._next():
            if self.bench.budget.elapsed >= self.ends_at:
                return "time"
            try:
                found = self._tried(factor)
            except TrialFailedError as failure:
                self.bench.raise_if_over(failure)
                self._close()
                if failure.status != "oom":
                    return "time" if failure.status == "timeout" else "workload"
                found = None
            if found is None:
                self._beyond = factor
            else:
                self._fits, self._best = factor, found
        return "memory"

    def _next(self) -> int | None:
        """Return how many times the samples to try next; None once the limit is known well enough."""
        if self._beyond is None:
            return max(1, 2 * self._fits)
        gap = self._beyond - self._fits
        return self._fits + gap // 2 if gap > max(1, self._fits // _CLOSE_ENOUGH) else None

    def _tried(self, factor: int) -> Enlarged | None:
        """Return what steps on so many times the samples took, None if it is more than the user allows."""
        if self._session is None:
            self._session = self.bench.start(self.contender.candidate)
            set_up(self.bench, self._session, self.pace)
        left = self.bench.within(max(0.0, self.ends_at - self.bench.budget.elapsed))
        found = self._session.enlarge(factor=factor, steps=_STEPS, timeout_seconds=left)
        allowed = self.bench.question.constraints.max_memory_bytes
        return found if allowed is None or found.peak_memory_bytes <= allowed else None

    def _close(self) -> None:
        if self._session:
            self._session.close()
        self._session = None
