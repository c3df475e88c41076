"""What counts as ruined in the benchmark of regret."""

import math

import pytest

pytest.importorskip("lightning_fabric")
pytest.importorskip("sklearn")

from truth import Truth, ruin

LEARNING = {"0": [2.0, 1.0, 0.5, 0.25], "1": [2.0, 1.0, 0.5, 0.27]}


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ([2.0, 1.0, 0.5, 0.26], ""),
        ([2.0, 1.0, 0.5, 0.1], ""),
        ([2.0, 1.0, 0.5, 0.4], "its loss ends at 0.4 instead of 0.25"),
        ([2.0, 1.9, 1.8, 1.7], "its loss ends at 1.7"),
        ([2.0, 1.0, math.nan, 0.25], "its loss is not finite from step 3 on"),
        ([0.3, 0.3, 0.26, 0.26], "of the progress"),
    ],
)
def test_a_run_is_ruined_beyond_what_seeds_change(losses: list[float], words: str) -> None:
    found = ruin({"0": losses}, LEARNING)
    assert words in found
    assert bool(words) == bool(found)


def test_only_runs_from_the_same_seeds_are_compared() -> None:
    slow_seed = [2.0, 1.5, 1.2, 0.9]
    assert "" == ruin({"0": LEARNING["0"], "2": slow_seed}, {"0": LEARNING["0"]})


def test_chaos_that_helps_one_seed_and_harms_another_ruins_nothing() -> None:
    truth = {"0": [2.0, 0.10], "1": [2.0, 0.06], "2": [2.0, 0.08]}
    assert "" == ruin({"0": [2.0, 0.09], "1": [2.0, 0.14], "2": [2.0, 0.09]}, truth)
    assert "0.26 instead of" in ruin({"0": [2.0, 0.09], "1": [2.0, 0.28], "2": [2.0, 0.09]}, truth)


def test_what_loses_as_much_from_every_seed_is_ruined_however_far_apart_the_seeds_are() -> None:
    truth = {"0": [2.0, 0.10], "1": [2.0, 0.06], "2": [2.0, 0.08]}
    assert "instead of 0.08, 0.004 more is allowed" in ruin(
        {"0": [2.0, 0.111], "1": [2.0, 0.07], "2": [2.0, 0.09]}, truth
    )
    assert "" == ruin({"0": [2.0, 0.103], "1": [2.0, 0.063], "2": [2.0, 0.083]}, truth)


def test_fp32_is_ruined_where_fp64_learns_what_it_does_not() -> None:
    truth = Truth(losses={"32-true": {"0": [9.0, 8.0, 8.0, 8.0]}, "64-true": {"0": [9.0, 1.0, 0.1, 0.01]}})
    assert "64-true" == truth.reference
    assert "instead of 0.01" in (truth.ruin("32-true") or "")
    assert "" == truth.ruin("64-true")


def test_nothing_is_known_of_what_was_too_slow_and_went_well() -> None:
    truth = Truth(losses={"32-true": LEARNING, "16-true": LEARNING, "16-mixed": {"0": [math.inf]}}, slow=["16-true"])
    assert truth.ruin("16-true") is None
    assert "not finite" in (truth.ruin("16-mixed") or "")
    assert truth.ruin("64-true") is None


def test_nothing_is_sound_where_training_makes_things_worse() -> None:
    rising = {"0": [1.0, 2.0, 4.0, 8.0]}
    truth = Truth(losses={"32-true": rising, "64-true": rising, "bf16-true": rising}, failed={"16-true": "ValueError"})
    assert truth.reference is None
    assert all(truth.ruin(each) for each in ("32-true", "64-true", "bf16-true", "16-true"))
