"""Sizes as people write them."""

import re

from autoprec_dashboards.errors import PageError

_UNITS = {"": 1, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "kb": 1e3, "mb": 1e6, "gb": 1e9}
_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)\s*", re.IGNORECASE)


def bytes_of(text: str) -> int:
    """Return how many bytes a size is, such as `40 GiB`.

    Raises:
        PageError: It is no size.
    """
    found = _SIZE.fullmatch(text)
    unit = _UNITS.get(found[2].casefold()) if found else None
    count = int(float(found[1]) * unit) if found and unit else 0
    if count <= 0:
        raise PageError("No such size", f"{text!r} is no size of memory. Write it as 40GiB, or in bytes.", status=400)
    return count
