import pytest

from autoprec_service.formatting import counted, listed, ratio


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.974, "0.97"), (1.0, "1.00"), (1.234, "1.23"), (2.74, "2.7"), (14.2, "14"), (1500, "1,500")],
)
def test_ratios_show_the_digits_that_matter(value: float, expected: str) -> None:
    assert expected == ratio(value)


@pytest.mark.parametrize(
    ("names", "expected"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_listed_as_in_a_sentence(names: list[str], expected: str) -> None:
    assert expected == listed(names)


def test_one_is_not_plural() -> None:
    assert ("1 step", "2 steps") == (counted(1, "step"), counted(2, "step"))
