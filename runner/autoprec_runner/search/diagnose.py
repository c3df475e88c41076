"""Naming modules: the one that puts out the first number that is not finite, and those that lose precision."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from autoprec_probe.candidate import Candidate
from autoprec_runner.search.bench import Bench
from autoprec_runner.search.budget import BudgetOverError
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.session import TrialSession

_LONGEST_REPLAY_STEPS = 200
_BUDGET_SHARE = 0.1
_CLEAR_ERROR = 0.02
"""A module that puts out numbers nearer to fp32's than this is no suspect."""
_AMPLIFIED = 8.0
"""A module that does not make errors so many times larger only passes on what it was given."""
_ROUNDING = 2.0**-8
"""Inputs are at least as far from fp32's as bf16 rounds."""
_MOST_SUSPECTS = 3


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


def modules_that_lose_precision(bench: Bench, candidate: Candidate, reference: Candidate) -> tuple[str, ...]:
    """Return the modules that depart from fp32 by far more than what they are given, the worst first.

    Both candidates run one batch on equal weights, in children of their own. Nothing is known if that fails.
    """
    path = str(Path(bench.setting.temporary) / "reference-trace.pt")
    seconds = _BUDGET_SHARE * bench.question.budget_seconds
    try:
        with bench.start(reference) as session:
            session.prepare(timeout_seconds=bench.within(seconds))
            session.write_trace(path, timeout_seconds=bench.within(seconds))
        with bench.start(candidate) as session:
            session.prepare(timeout_seconds=bench.within(seconds))
            return suspects(session.departures(path, timeout_seconds=bench.within(seconds)))
    except (TrialFailedError, BudgetOverError):
        return ()


def suspects(departures: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """Return the few modules that amplify errors most, by what they took and put out; see `trace.departures`."""
    factors = {
        name: put_out / max(taken, _ROUNDING) for name, (taken, put_out) in departures.items() if put_out > _CLEAR_ERROR
    }
    clear = {name: factor for name, factor in factors.items() if factor > _AMPLIFIED}
    return tuple(sorted(clear, key=lambda name: -clear[name])[:_MOST_SUSPECTS])
