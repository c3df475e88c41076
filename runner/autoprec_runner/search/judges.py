"""Who judges contenders beside the reference: by their losses (train) or by their outputs (inference)."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from autoprec_runner.search.bench import Bench
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.race import awaken, seconds_to_race
from autoprec_runner.search.sprint import Pace, set_up
from autoprec_runner.trial import Stability
from autoprec_runner.trials.evidence import Evidence
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.session import TrialSession, Variation
from autoprec_runner.trials.stability import (
    EARLY_STEPS,
    FEWEST_STEPS,
    inference_verdict,
    metric_verdict,
    reference_verdict,
    train_verdict,
    unstable_already,
)
from autoprec_runner.workload.workload import MAX_BATCHES

_SHARE = 0.8
"""`EARLY_STEPS` are compared where this share of the time left allows."""
MOST_STEPS, _LONGER_SHARE = 300, 0.6
"""As many are compared where they are cheap: what half precision loses with each update shows late."""
_SHARE_OF_EACH = 0.4
"""No run before the first challenger's takes more than this share of the time left, should steps have become slower."""
_WATCHED_COST = 1.3
"""A watched step takes about this much longer than a timed one."""
_MOST_SAVED = 50_000_000
"""Models of more parameters are not saved and loaded for a check: with Adam, that is 600 MB to be written and read."""
_RESUME_STEPS, _RESUME_SHARE = 4, 0.05
"""Steps that the check takes, and the share of the time left that they may take."""
_RESERVE, _LEAST_RESERVE = 1.5, 0.15
"""So many times what race and verdicts take by estimate is left to them, and at least this share of the budget."""
_PATIENCE, _LEAST_PATIENCE_SECONDS = 8.0, 2.0
"""A contender has shown its pace: only a hang is to be caught."""


class Judge(ABC):
    """Gives verdicts; a trial that does not run to its end raises `TrialFailedError` instead."""

    def __init__(self, bench: Bench, reference: Contender, pace: Pace) -> None:
        self._bench = bench
        self._reference = reference
        self._pace = pace
        self._true_metric = math.nan
        self._metric_noise = math.nan

    def _sound(self, evidence: Evidence, *, numbers: bool = True) -> Stability:
        is_fp32 = self._reference.candidate == self._bench.question.reference
        told = "It is the fp32 reference" if is_fp32 else "The fp32 reference is unstable"
        return reference_verdict(evidence, told=told, numbers=numbers)

    def reference(self) -> Stability:
        """Run the reference as far as the contenders will, and judge it. Comes first."""
        stability = self._run_reference()
        if self._has_metric and stability.verdict != "unstable":
            self._true_metric = self._metric(self._reference.session)
        return stability

    def contender(self, contender: Contender) -> Stability:
        """Judge a contender beside the reference; where the user gave a metric, `tolerance` is about that."""
        stability = self._beside_reference(contender)
        if not self._has_metric or stability.verdict == "unstable":
            return stability
        return metric_verdict(
            stability,
            self._metric(contender.session),
            self._true_metric,
            noise=self._metric_noise,
            tolerance=self._bench.question.constraints.tolerance,
        )

    @property
    def _has_metric(self) -> bool:
        return self._bench.records().prepared.has_metric

    def _metric(self, session: TrialSession) -> float:
        return session.metric(timeout_seconds=self._bench.budget.require())

    @abstractmethod
    def _run_reference(self) -> Stability:
        """Run the reference as far as the contenders will, and judge it."""

    @abstractmethod
    def _beside_reference(self, contender: Contender) -> Stability:
        """Judge a contender by what it computed."""


class TrainJudge(Judge):
    """Compares losses over the first steps, with a perturbed reference as the yardstick."""

    def __init__(self, bench: Bench, reference: Contender, pace: Pace, challenger: Contender | None) -> None:
        super().__init__(bench, reference, pace)
        self._steps = _affordable_steps(bench, reference, challenger)
        self._yardsticks: list[Evidence] | None = None

    def _run_reference(self) -> Stability:
        """Run the reference to the last step that is compared."""
        session = awaken(self._bench, self._reference, self._pace)
        _reach(self._bench, session, self._steps, share=_SHARE_OF_EACH)
        self._steps = max(FEWEST_STEPS, min(self._steps, session.evidence.steps))
        self._resume(session)
        return self._sound(session.evidence)

    def _resume(self, session: TrialSession) -> None:
        """See whether a checkpoint brings everything back, where saving one costs little."""
        prepared, question = self._bench.records().prepared, self._bench.question
        is_small = prepared.parameters <= _MOST_SAVED and question.devices == 1 and question.strategy != "deepspeed"
        cost = _RESUME_STEPS * session.evidence.typical_seconds
        is_cheap = is_small and cost <= _RESUME_SHARE * self._bench.budget.remaining
        if is_cheap and session.evidence.first_nonfinite_step is None:
            session.resume(timeout_seconds=_patience(self._bench, session, _RESUME_STEPS))

    def _beside_reference(self, contender: Contender) -> Stability:
        """Compare losses."""
        evidence = self._reference.session.evidence
        if self._yardsticks is None:
            variations: list[Variation] = ["weights", "randomness"] if evidence.is_random else ["weights"]
            self._yardsticks = [found for each in variations if (found := self._yardstick(each))]
        session = awaken(self._bench, contender, self._pace)
        _reach(self._bench, session, self._steps)
        self._resume(session)
        tolerance = None if self._has_metric else self._bench.question.constraints.tolerance
        return train_verdict(session.evidence, evidence, self._yardsticks, tolerance=tolerance)

    def _yardstick(self, variation: Variation) -> Evidence | None:
        """Run the reference varied. Should it fail, that is nobody's fault and nothing is excused by it."""
        bench = self._bench
        try:
            with bench.start(self._reference.candidate, variation=variation) as session:
                set_up(bench, session, self._pace)
                session.observe(steps=1, max_seconds=0.0, timeout_seconds=bench.within(self._pace.first_limit()))
                _reach(bench, session, self._steps, share=_SHARE_OF_EACH)
                if self._has_metric:
                    noise = abs(self._metric(session) - self._true_metric)
                    self._metric_noise = noise if math.isnan(self._metric_noise) else max(noise, self._metric_noise)
                return session.evidence
        except TrialFailedError as failure:
            bench.raise_if_over(failure)
            return None


class InferenceJudge(Judge):
    """Compares the outputs for all batches."""

    @property
    def _path(self) -> str:
        return str(Path(self._bench.setting.temporary) / "reference-outputs.pt")

    def _run_reference(self) -> Stability:
        """Keep the reference's outputs for comparison."""
        session = awaken(self._bench, self._reference, self._pace)
        numbers = session.save_outputs(self._path, timeout_seconds=_patience(self._bench, session, MAX_BATCHES))
        return self._sound(session.evidence, numbers=numbers)

    def _beside_reference(self, contender: Contender) -> Stability:
        """Compare outputs."""
        bench, session = self._bench, awaken(self._bench, contender, self._pace)
        comparison = session.compare_outputs(self._path, timeout_seconds=_patience(bench, session, MAX_BATCHES))
        return unstable_already(session.evidence, self._reference.session.evidence) or inference_verdict(
            session.evidence,
            comparison,
            tolerance=math.inf if self._has_metric else bench.question.constraints.tolerance,
            reference=self._reference.session.evidence,
        )


def judge_for(bench: Bench, reference: Contender, pace: Pace, challenger: Contender | None = None) -> Judge:
    """Return the judge of a study; the first `challenger` tells how many steps can be afforded."""
    if bench.records().prepared.mode == "inference":
        return InferenceJudge(bench, reference, pace)
    return TrainJudge(bench, reference, pace, challenger)


def enough_is_left(bench: Bench, pace: Pace, *, after: float) -> bool:
    """Return whether `after` so many seconds more, there is still time to race and to judge."""
    needed = _RESERVE * (seconds_to_race(pace) + _seconds_to_judge(bench, pace))
    return bench.budget.remaining > after + max(needed, _LEAST_RESERVE * bench.question.budget_seconds)


def _seconds_to_judge(bench: Bench, pace: Pace) -> float:
    """Return about how long it takes to judge two contenders as fast as the best beside the reference."""
    assert pace.reference is not None, "nothing is judged without a reference"
    evidence = pace.reference.session.evidence
    both = evidence.typical_seconds + 2 * pace.step_seconds
    if bench.records().prepared.mode == "inference":
        return MAX_BATCHES * both
    yardsticks = 2 if evidence.is_random else 1
    setting_up = pace.prepare_seconds + (evidence.first_step_seconds or 0.0)
    steps = EARLY_STEPS * (both + yardsticks * evidence.typical_seconds)
    return yardsticks * setting_up + _WATCHED_COST * steps


def _reach(bench: Bench, session: TrialSession, steps: int, share: float = 1.0) -> None:
    """Run watched steps up to `steps` in all, at least one: a late overflow must not go unseen.

    Fewer, if that takes more than a `share` of the time left: a verdict from some steps is better than none.
    """
    missing = max(1, steps - session.evidence.steps)
    last_step = 2 * _WATCHED_COST * session.evidence.typical_seconds
    session.observe(
        steps=missing,
        max_seconds=max(0.0, share * bench.budget.require() - last_step),
        timeout_seconds=_patience(bench, session, missing),
    )


def _patience(bench: Bench, session: TrialSession, steps: int) -> float:
    seconds = steps * session.evidence.typical_seconds + (session.evidence.first_step_seconds or 0.0)
    return bench.within(max(_LEAST_PATIENCE_SECONDS, _PATIENCE * seconds))


def _affordable_steps(bench: Bench, reference: Contender, challenger: Contender | None) -> int:
    """Return how many steps the reference, its yardstick and the first challenger can take in the time left.

    Beyond `EARLY_STEPS`, only so many that a second challenger can take them, too, should the first one fail.
    """
    evidence, left = reference.session.evidence, bench.budget.require()
    runs = [(evidence, evidence.steps)]
    if challenger:
        runs += [(evidence, 0), (challenger.session.evidence, challenger.session.evidence.steps)]
    longer = _most_steps([*runs, (evidence, 0)], MOST_STEPS, _LONGER_SHARE * left)
    return longer if longer >= EARLY_STEPS else _most_steps(runs, EARLY_STEPS, _SHARE * left)


def _most_steps(runs: Sequence[tuple[Evidence, int]], most: int, seconds: float) -> int:
    """Return how many steps all of these runs can reach in so many seconds, each of which has made some already."""
    for steps in range(most, FEWEST_STEPS, -1):
        cost = sum(max(0, steps - done) * evidence.typical_seconds for evidence, done in runs)
        if _WATCHED_COST * cost <= seconds:
            return steps
    return FEWEST_STEPS
