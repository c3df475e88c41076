from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from autoprec_probe import Candidate, Support
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.race import FEWEST_ROUNDS, MOST_CONTENDERS, _still_in_it, contenders, score
from autoprec_runner.trial import Objective
from autoprec_runner.trials.evidence import Evidence

if TYPE_CHECKING:
    from autoprec_runner.trials.session import TrialSession

ROUNDS = 8
DRIFT = [1.0 + 0.3 * place for place in range(ROUNDS)]


def contender(
    seconds: float, *, memory: int | None = 100, drift: list[float] | None = None, seed: int = 0
) -> Contender:
    generator = np.random.default_rng(seed)
    rounds = [list(seconds * each * generator.normal(1, 0.01, 10)) for each in drift or [1.0] * ROUNDS]
    session: Any = SimpleNamespace(evidence=Evidence(rounds=rounds, peak_memory_bytes=memory))
    support = Support(candidate=Candidate(precision="32-true"), level="native", reason="a contender of a test")
    return Contender(support=support, session=cast("TrialSession", session))


def test_those_close_to_the_best_race_best_first() -> None:
    slow, best, close = contender(2.0), contender(1.0), contender(1.1)
    assert [best, close] == contenders([slow, best, close], "throughput")
    assert [] == contenders([], "throughput")


def test_not_more_race_than_there_is_time_for() -> None:
    assert MOST_CONTENDERS == len(contenders([contender(1.0) for _ in range(9)], "throughput"))


@pytest.mark.parametrize(
    ("objective", "expected"),
    [("throughput", 2.0), ("energy", 2.0), ("time-to-loss", 2.0), ("memory", 8.0), ("balanced", 4.0)],
)
def test_the_score_is_what_the_objective_minimises(objective: Objective, expected: float) -> None:
    assert expected == score(Evidence(rounds=[[2.0]], peak_memory_bytes=8), objective)


def test_before_the_fewest_rounds_nobody_is_beaten() -> None:
    few = [1.0] * (FEWEST_ROUNDS - 1)
    running = [contender(1.0, drift=few), contender(9.0, drift=few)]
    assert running == _still_in_it(running, running)


def test_who_is_clearly_slower_is_out() -> None:
    slow, best = contender(1.1), contender(1.0, seed=1)
    assert [best] == _still_in_it([slow, best], [slow, best])


def test_who_is_as_fast_for_sure_is_out_because_more_rounds_would_tell_nothing() -> None:
    running = [contender(1.0), contender(1.0, seed=1)]
    assert 1 == len(_still_in_it(running, running))


def test_who_may_be_faster_or_slower_by_more_than_the_noise_stays_in() -> None:
    unsteady = contender(1.0, drift=[1.0, 1.08, 0.94, 1.06, 0.95, 1.07, 1.0, 0.93])
    running = [unsteady, contender(1.0, seed=1)]
    assert running == _still_in_it(running, running)


def test_a_drift_that_hits_all_alike_hides_no_difference() -> None:
    slow, best = contender(1.1, drift=DRIFT), contender(1.0, drift=DRIFT, seed=1)
    assert [best] == _still_in_it([slow, best], [slow, best])
