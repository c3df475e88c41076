"""Reading sizes of memory as people write them."""

import math
import re
from numbers import Real

from autoprec_runner.errors import StudyError

_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


def parse_bytes(value: str | float) -> int:
    """Return the number of bytes in `40GiB`, `512 MB` or a plain number.

    Raises:
        StudyError: It is no size, or not above zero.
    """
    count = _count(value)
    if not (math.isfinite(count) and count >= 1):
        raise StudyError(
            f"max_memory={value!r} is not a size of memory. Give a number of bytes, or a number with a unit: "
            "KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024), such as '40GiB'.",
        )
    return int(count)


def _count(value: object) -> float:
    if isinstance(value, Real):
        return float(value)
    match = _PATTERN.fullmatch(str(value))
    unit = _UNITS.get(match.group(2).lower()) if match else None
    return float(match.group(1)) * unit if match and unit else math.nan
