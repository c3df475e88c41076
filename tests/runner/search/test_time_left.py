"""Whether there is time for one more candidate, or for a race of its own."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from autoprec_probe import Candidate, Support
from autoprec_runner.search.budget import Budget
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.judges import enough_is_left
from autoprec_runner.search.sprint import Pace
from autoprec_runner.search.verify import _is_undecided, _is_unraced, _may_race
from autoprec_runner.trial import Mode, Phase
from autoprec_runner.trials.evidence import Evidence
from autoprec_service.testing import make_trial

if TYPE_CHECKING:
    from autoprec_runner.search.bench import Bench
    from autoprec_runner.trials.session import TrialSession

SECONDS = 60.0


def contender(precision: str, seconds: float = 0.01) -> Contender:
    session: Any = SimpleNamespace(
        evidence=Evidence(first_step_seconds=seconds, rounds=[[seconds]]), prepare_seconds=1.0
    )
    support = Support(candidate=Candidate(precision=precision), level="native", reason="a contender of a test")
    return Contender(support=support, session=cast("TrialSession", session))


def pace(seconds: float) -> Pace:
    found = Pace(objective="throughput", budget_seconds=SECONDS)
    found.follow(contender("32-true", seconds))
    found.step_seconds = seconds
    return found


def bench(left: float, *, mode: Mode = "train", trials: tuple[Any, ...] = (), **question: Any) -> "Bench":
    times = iter([0.0])
    asked = SimpleNamespace(budget_seconds=SECONDS, **{"batch_size": None, "objective": "throughput", **question})
    return cast(
        "Bench",
        SimpleNamespace(
            budget=Budget(SECONDS, clock=lambda: next(times, SECONDS - left)),
            question=asked,
            trials=list(trials),
            records=lambda: SimpleNamespace(prepared=SimpleNamespace(mode=mode)),
        ),
    )


@pytest.mark.parametrize(
    ("left", "seconds", "after", "expected"),
    [
        (20.0, 0.001, 2.0, True),
        (10.0, 0.001, 2.0, False),  # a share of the budget is kept for the end
        (20.0, 0.001, 15.0, False),
        (40.0, 0.5, 2.0, False),  # fifty steps of half a second are to be judged several times
    ],
)
def test_what_comes_last_has_its_time(left: float, seconds: float, after: float, expected: bool) -> None:  # noqa: FBT001
    assert expected == enough_is_left(bench(left), pace(seconds), after=after)


def test_an_inference_run_is_judged_by_few_steps() -> None:
    assert not enough_is_left(bench(30.0), pace(0.1), after=5.0)
    assert enough_is_left(bench(30.0, mode="inference"), pace(0.1), after=5.0)


def tried(*phases: Phase) -> Any:
    return [make_trial("bf16-true", id=phase, phase=phase) for phase in phases]


@pytest.mark.parametrize(
    ("phases", "expected"),
    [((), True), (("sprint",), True), (("sprint", "race"), False), (("race", "sprint"), True)],
)
def test_who_was_too_slow_for_the_race_gets_one_before_its_verdict(phases: tuple[Phase, ...], expected: bool) -> None:  # noqa: FBT001
    assert expected == _is_unraced(bench(40.0, trials=tried(*phases)), contender("bf16-true"))


FAST, NEAR, SLOW = [1.0, 1.01] * 5, [1.02, 1.0, 1.07, 0.98, 1.03] * 2, [1.5, 1.51] * 5
EQUAL = [1.001, 1.009] * 5


@pytest.mark.parametrize(
    ("others", "expected"),
    [([SLOW], False), ([EQUAL], False), ([NEAR], True), ([SLOW, NEAR], True), ([], False)],
)
def test_who_could_not_be_told_from_the_reference_is_undecided(others: list[list[float]], expected: bool) -> None:  # noqa: FBT001
    reference, *field = (contender("bf16-true") for _ in range(1 + len(others)))
    for each, medians in zip((reference, *field), (FAST, *others), strict=True):
        each.session.evidence.rounds = [[median] for median in medians]
    assert expected == _is_undecided(bench(40.0, trials=tried("race")), field, reference)


@pytest.mark.parametrize(("seconds", "expected"), [(1.1, True), (1.5, False)])
def test_who_has_not_raced_is_undecided_if_it_may_be_faster(seconds: float, expected: bool) -> None:  # noqa: FBT001
    reference, late = contender("32-true", 1.0), contender("bf16-true", seconds)
    assert expected == _is_undecided(bench(40.0), [late], reference)


def test_a_second_race_takes_time_and_a_question_that_goes_by_it() -> None:
    assert _may_race(bench(40.0), pace(0.001))
    assert not _may_race(bench(5.0), pace(0.001))
    assert not _may_race(bench(40.0, objective="memory"), pace(0.001))
