import random

from hypothesis import given
from hypothesis import strategies as st

from autoprec_service.advice.calibration import ENOUGH, PRIOR, Judged, calibrated

answers = st.builds(
    Judged,
    model_fingerprint=st.sampled_from([f"model-{number}" for number in range(12)]),
    score=st.floats(0, 1),
    right=st.booleans(),
)
many = st.lists(answers, max_size=120)
scores = st.floats(0, 1)


@given(many, scores, scores)
def test_a_higher_score_never_gets_less_confidence(judged: list[Judged], one: float, other: float) -> None:
    low, high = sorted([one, other])
    found = calibrated(judged)
    assert found.confidence(low) <= found.confidence(high)


@given(many, scores)
def test_confidence_is_a_share(judged: list[Judged], score: float) -> None:
    assert 0 <= calibrated(judged).confidence(score) <= 1


@given(many, st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter(judged: list[Judged], chance: random.Random) -> None:
    shuffled = judged.copy()
    chance.shuffle(shuffled)
    assert calibrated(judged) == calibrated(shuffled)


@given(many)
def test_the_bins_hold_every_answer_once(judged: list[Judged]) -> None:
    found = calibrated(judged)
    assert len(judged) == found.n == sum(each.n for each in found.bins)


@given(st.lists(answers, max_size=ENOUGH - 1), scores)
def test_a_cautious_prior_stands_in_where_there_is_too_little(judged: list[Judged], score: float) -> None:
    found = calibrated(judged)
    assert "prior" == found.method
    assert found.confidence(score) <= 0.5


def test_nobody_is_certain_before_anything_was_judged() -> None:
    assert (0.0, 0.5) == (PRIOR.confidence(0), PRIOR.confidence(1))


def made(rate: float, score: float, number: int) -> list[Judged]:
    return [
        Judged(model_fingerprint=f"{score} {each}", score=score, right=each < rate * number) for each in range(number)
    ]


def test_what_was_right_as_often_as_not_gets_half_the_confidence() -> None:
    found = calibrated([*made(0.5, 0.9, 100), *made(0.1, 0.2, 100)])
    assert 0.48 < found.confidence(0.9) < 0.52
    assert 0.08 < found.confidence(0.2) < 0.13


def test_the_report_states_what_was_confirmed() -> None:
    found = calibrated([*made(0.9, 0.5, 200), *made(0.3, 0.1, 200)])
    assert "isotonic" == found.method
    assert all(abs(each.stated - each.confirmed) < 0.1 for each in found.bins if each.n > 50)
    assert found.brier_score is not None
    assert found.brier_score < 0.25
