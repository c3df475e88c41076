"""Other programs on the same cores, and how trials bear with them.

OpenMP threads that wait for each other spin, because that is quickest on cores of their own. Where cores are shared,
they spin while the thread that they wait for is not running, and a step can take a hundred times as long. Passive
waiting is slower on idle cores and bears with neighbours, so it is chosen only where there are some, and recorded with
every trial. `benchmarks/waiting.py` measures both.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import psutil

NOTABLE_CORES = 0.3
"""From how many busy cores on neighbours count."""
_LOOK_SECONDS = 0.1
_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def busy_cores() -> float:
    """Return how many cores all programs together keep busy now, over a tenth of a second."""
    return psutil.cpu_percent(interval=_LOOK_SECONDS) / 100 * (psutil.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class CoreTimes:
    """Seconds that the cores of this process have worked so far, in all and for us."""

    at_seconds: float
    all_seconds: float
    """All programs, and what a hypervisor gave to other machines."""
    own_seconds: float
    """This process and its descendants, those that have ended included."""

    @classmethod
    def now(cls) -> Self:
        """Return the times of this moment."""
        return cls(at_seconds=time.monotonic(), all_seconds=_core_seconds(), own_seconds=_family_seconds())


def others_busy_cores(before: CoreTimes, after: CoreTimes) -> float | None:
    """Return how many of our cores other programs kept busy between two moments; None if there was no time between."""
    seconds = after.at_seconds - before.at_seconds
    if seconds <= 0:
        return None
    others = (after.all_seconds - before.all_seconds) - (after.own_seconds - before.own_seconds)
    return max(0.0, others / seconds)


def _core_seconds() -> float:
    times = psutil.cpu_times(percpu=True)
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(times))
    names = ("user", "nice", "system", "irq", "softirq", "steal")
    return sum(getattr(times[core], name, 0.0) for core in usable if core < len(times) for name in names)


def _family_seconds() -> float:
    """Return what a process and its descendants worked; the times of those that ended are in their parents'."""
    total = 0.0
    us = psutil.Process()
    for process in (us, *us.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it ended just now
            total += sum(process.cpu_times()[:4])
    return total


def waiting_policy(environment: Mapping[str, str], busy: float) -> dict[str, str]:
    """Return what to add to the environment of trials: passive waiting beside neighbours, unless the user chose."""
    if busy < NOTABLE_CORES or any(name in environment for name in _WAITING):
        return {}
    return {"OMP_WAIT_POLICY": "passive"}
