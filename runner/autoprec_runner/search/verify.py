"""The last phase: the best candidate must follow the fp32 reference; if it does not, the next best is tried."""

from collections.abc import Callable, Sequence
from pathlib import Path

from autoprec_runner.search.bench import Bench
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.diagnose import first_bad_module
from autoprec_runner.search.race import awaken
from autoprec_runner.search.sprint import Pace, recording
from autoprec_runner.trial import Stability
from autoprec_runner.trials.session import Evidence, TrialSession
from autoprec_runner.trials.stability import (
    FEWEST_STEPS,
    inference_verdict,
    reference_verdict,
    train_verdict,
    unstable_already,
)

STEPS = 50
"""Steps of the trajectory that are compared, where the budget allows."""
_BUDGET_SHARE = 0.8
_WATCHED_COST = 1.3
"""A watched step takes about this much longer than a timed one."""

Judge = Callable[[Contender], Stability]


def verify(bench: Bench, field: Sequence[Contender], reference: Contender, pace: Pace) -> None:
    """Judge contenders in the order of preference until one is stable; every verdict is recorded.

    Raises:
        BudgetOverError: The study's time ended first.
    """
    by_candidate = {each.candidate: each for each in field}
    preferred = bench.preference(bench.trials, bench.question.objective, bench.question.constraints)
    order = [by_candidate[candidate] for candidate in preferred if candidate in by_candidate]
    judge = _judge(bench, reference, order)
    if not _passes(bench, reference, reference, lambda each: reference_verdict(each.session.evidence), pace):
        return
    for contender in order:
        if contender is reference or _passes(bench, contender, reference, judge, pace):
            return


def _passes(bench: Bench, contender: Contender, reference: Contender, judge: Judge, pace: Pace) -> bool:
    bench.progress.trying(contender.candidate)
    with recording(bench, contender, "verify", pace) as went:
        stability = judge(contender)
        if stability.first_nonfinite_step is not None:
            first_bad_module(bench, contender.session)
            stability = unstable_already(contender.session.evidence, reference.session.evidence) or stability
    if not went.well:
        return False
    bench.record(bench.records().measured(contender, "verify", stability))
    return stability.verdict == "stable"


def _judge(bench: Bench, reference: Contender, order: Sequence[Contender]) -> Judge:
    if bench.records().prepared.mode == "inference":
        return _inference_judge(bench, reference)
    return _train_judge(bench, reference, order)


def _inference_judge(bench: Bench, reference: Contender) -> Judge:
    path = str(Path(bench.setting.temporary) / "reference-outputs.pt")

    def judge(contender: Contender) -> Stability:
        if not Path(path).exists():
            awaken(bench, reference).save_outputs(path, timeout_seconds=bench.budget.require())
        session = awaken(bench, contender)
        comparison = session.compare_outputs(path, timeout_seconds=bench.budget.require())
        tolerance = bench.question.constraints.tolerance
        return unstable_already(session.evidence, reference.session.evidence) or inference_verdict(
            session.evidence,
            comparison,
            tolerance=tolerance,
        )

    return judge


def _train_judge(bench: Bench, reference: Contender, order: Sequence[Contender]) -> Judge:
    steps = _affordable_steps(bench, reference, order)
    yardsticks: list[Evidence] = []

    def judge(contender: Contender) -> Stability:
        if not yardsticks:
            _reach(bench, awaken(bench, reference), steps)
            yardsticks.append(_yardstick(bench, reference, steps))
        session = awaken(bench, contender)
        _reach(bench, session, steps)
        tolerance = bench.question.constraints.tolerance
        return train_verdict(session.evidence, reference.session.evidence, yardsticks[0], tolerance=tolerance)

    return judge


def _yardstick(bench: Bench, reference: Contender, steps: int) -> Evidence:
    with bench.start(reference.candidate, perturb=True) as session:
        session.prepare(timeout_seconds=bench.budget.require())
        _reach(bench, session, steps)
        return session.evidence


def _reach(bench: Bench, session: TrialSession, steps: int) -> None:
    """Run watched steps up to `steps` in all, at least one: a late overflow must not go unseen."""
    missing = max(1, steps - session.evidence.steps)
    session.observe(steps=missing, max_seconds=bench.budget.require(), timeout_seconds=bench.budget.require())


def _affordable_steps(bench: Bench, reference: Contender, order: Sequence[Contender]) -> int:
    """Return how many steps the reference, its yardstick and the first candidate can take in the time left."""
    runs = [(reference.session.evidence, reference.session.evidence.steps), (reference.session.evidence, 0)]
    challenger = next((each for each in order if each is not reference), None)
    if challenger:
        runs.append((challenger.session.evidence, challenger.session.evidence.steps))
    for steps in range(STEPS, FEWEST_STEPS, -1):
        cost = sum(max(0, steps - done) * evidence.typical_seconds for evidence, done in runs)
        if _WATCHED_COST * cost <= _BUDGET_SHARE * bench.budget.require():
            return steps
    return FEWEST_STEPS
