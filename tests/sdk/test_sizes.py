"""Sizes of memory as people write them."""

import pytest

from autoprec.sizes import parse_bytes
from autoprec_runner.errors import StudyError


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ("40GiB", 40 * 2**30),
        ("1.5 kb", 1500),
        ("512 MB", 512 * 10**6),
        ("7", 7),
        (7, 7),
        (1e17, 10**17),
        (" 2tib ", 2**41),
    ],
)
def test_a_size_is_read(given: str | float, count: int) -> None:
    assert count == parse_bytes(given)


@pytest.mark.parametrize("given", ["lots", "", "-1GiB", "0", 0, -5, float("nan"), float("inf"), "5 parsecs", "0.2"])
def test_what_is_no_size_is_refused_with_the_units(given: str | float) -> None:
    with pytest.raises(StudyError, match=r"is not a size of memory.*KiB, MiB, GiB, TiB"):
        parse_bytes(given)
