"""Who cannot be beaten in time and memory at once."""

import pytest

from autoprec_runner.study import Constraints
from autoprec_runner.trial import Trial
from autoprec_service.policy import recommend
from autoprec_service.testing import make_trial

GIB = 2**30


def front(*trials: Trial) -> list[str]:
    return [str(each) for each in recommend(trials, objective="throughput", constraints=Constraints()).pareto]


FAST = make_trial("bf16-mixed", seconds=0.5, memory=3 * GIB)
SMALL = make_trial("bf16-true", seconds=0.8, memory=GIB)
REFERENCE = make_trial(seconds=1.0, memory=4 * GIB)


def test_the_fastest_and_the_smallest_are_on_it_and_who_is_neither_is_not() -> None:
    assert ["bf16-mixed", "bf16-true"] == front(REFERENCE, FAST, SMALL)


def test_one_that_is_best_in_both_is_alone_on_it() -> None:
    assert ["bf16-true"] == front(REFERENCE, make_trial("bf16-true", seconds=0.1, memory=GIB), FAST)


def test_differences_within_the_noise_beat_nobody() -> None:
    assert {"32-true", "bf16-mixed"} == set(front(REFERENCE, make_trial("bf16-mixed", seconds=0.995, memory=4 * GIB)))


@pytest.mark.parametrize(
    "out",
    [
        make_trial("16-true", seconds=0.1, memory=1, verdict="unstable"),
        make_trial("16-true", seconds=0.1, memory=1, verdict=None),
        make_trial("16-true", seconds=None, memory=1),
        make_trial("16-true", seconds=0.1, memory=None),
    ],
)
def test_only_what_qualifies_and_was_measured_is_on_it(out: Trial) -> None:
    assert ["bf16-mixed"] == front(REFERENCE, FAST, out)
