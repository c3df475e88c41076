"""When two spellings are the same device name: case, spaces and trademark signs apart, and nothing else."""

import re

_TRADEMARKS = re.compile(r"\((?:r|tm|c)\)|[®™©]", re.IGNORECASE)


def normal_name(name: str) -> str:
    """Return what all spellings of a device name share; an L40S is no L4, and a GH200 no H200."""
    return " ".join(_TRADEMARKS.sub(" ", name).casefold().split())
