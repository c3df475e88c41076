"""Other programs on the same cores, and how trials bear with them.

OpenMP threads that wait for each other spin, because that is quickest on cores of their own. Where cores are shared,
they spin while the thread that they wait for is not running, and a step can take a hundred times as long. Passive
waiting is slower on idle cores and bears with neighbours, so it is chosen only where there are some, and recorded with
every trial. `benchmarks/waiting.py` measures both.
"""

from collections.abc import Mapping

import psutil

NOTABLE_CORES = 0.3
"""From how many busy cores on neighbours count."""
_LOOK_SECONDS = 0.1
_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def busy_cores() -> float:
    """Return how many cores all programs together keep busy now, over a tenth of a second."""
    return psutil.cpu_percent(interval=_LOOK_SECONDS) / 100 * (psutil.cpu_count() or 1)


def waiting_policy(environment: Mapping[str, str], busy: float) -> dict[str, str]:
    """Return what to add to the environment of trials: passive waiting beside neighbours, unless the user chose."""
    if busy < NOTABLE_CORES or any(name in environment for name in _WAITING):
        return {}
    return {"OMP_WAIT_POLICY": "passive"}
