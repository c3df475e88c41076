"""Naming the module that puts out the first number that is not finite."""

import contextlib

from autoprec_runner.search.bench import Bench
from autoprec_runner.search.budget import BudgetOverError
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.session import TrialSession

_LONGEST_REPLAY_STEPS = 200
_BUDGET_SHARE = 0.1


def first_bad_module(bench: Bench, session: TrialSession) -> None:
    """Replay a run from its start to its first bad step with every module watched, and add what was seen.

    Watching the run when it has already gone wrong would only find the first module with a spoilt weight. The session
    itself is of no further use and makes room for the replay.
    """
    evidence = session.evidence
    step = evidence.first_nonfinite_step
    if step is None or evidence.activations.nonfinite or step >= _LONGEST_REPLAY_STEPS:
        return
    session.close()
    seconds = _BUDGET_SHARE * bench.question.budget_seconds
    # The verdict stands without the name: a replay that fails or takes too long costs nothing more.
    with contextlib.suppress(TrialFailedError, BudgetOverError), bench.start(session.candidate) as replay:
        replay.prepare(timeout_seconds=bench.within(seconds + 2 * session.prepare_seconds))
        replay.observe(steps=step + 1, max_seconds=bench.within(seconds), timeout_seconds=bench.within(2 * seconds))
        evidence.activations = replay.evidence.activations
