"""The vocabulary of precision strings."""

import warnings

import pytest

from autoprec_probe import BUILT_IN, Candidate, UnknownPrecisionError, canonical_precision, known_precisions


@pytest.mark.parametrize("precision", BUILT_IN)
def test_a_canonical_string_means_itself(precision: str) -> None:
    assert precision == canonical_precision(precision)


@pytest.mark.parametrize(("alias", "meant"), [("32", "32-true"), (32, "32-true"), ("64", "64-true"), (64, "64-true")])
def test_full_precision_aliases_are_silent(alias: str | int, meant: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert meant == canonical_precision(alias)


@pytest.mark.parametrize(("alias", "meant"), [("16", "16-mixed"), (16, "16-mixed"), ("bf16", "bf16-mixed")])
def test_half_precision_aliases_mean_mixed_and_warn(alias: str | int, meant: str) -> None:
    with pytest.warns(UserWarning, match=f"taken as '{meant}'"):
        assert meant == canonical_precision(alias)


@pytest.mark.parametrize(
    ("typed", "near"),
    [("bf16-mix", "bf16-mixed"), ("b16-true", "bf16-true"), ("64true", "64-true"), ("16-mixd", "16-mixed")],
)
def test_a_typing_error_gets_the_nearest_string_suggested(typed: str, near: str) -> None:
    with pytest.raises(UnknownPrecisionError, match=f"Did you mean '{near}'"):
        canonical_precision(typed)


def test_an_unknown_string_gets_all_valid_ones_listed() -> None:
    with pytest.raises(UnknownPrecisionError) as caught:
        canonical_precision("zzz")
    assert [] == [each for each in (*known_precisions(), "aliases: 32, 64, 16, bf16") if each not in str(caught.value)]


def test_an_unknown_precision_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Unknown precision"):
        canonical_precision("fp19")


def test_known_precisions_begin_with_the_built_in_ones() -> None:
    assert known_precisions()[: len(BUILT_IN)] == BUILT_IN


def test_a_candidate_holds_the_canonical_string() -> None:
    assert "32-true" == Candidate(precision="32").precision
