"""Having the fork server import a workload's libraries, where that pays."""

import psutil

from autoprec_runner.search.bench import MEMORY_SHARE, Bench
from autoprec_runner.trials.prepared import Prepared
from autoprec_runner.trials.rehearsal import rehearse
from autoprec_runner.trials.session import TrialSession

_LEAST_SECONDS = 0.3
"""Loading that takes less is not looked into."""
_REHEARSAL_SHARE, _COST_SHARE = 0.15, 0.3
"""Shares of the rest of the budget that the rehearsal, and the imports with the reference's second start, may take."""


def preload_libraries(bench: Bench, session: TrialSession, prepared: Prepared, *, trials: int) -> bool:
    """Have the server import what the reference's child has imported; return whether it did.

    It does so if that is rehearsed to leave nothing behind, and costs less than it saves in so many `trials` to come.
    The reference is to be started again then: what libraries take would count in its peak memory alone.
    """
    libraries, remaining = prepared.libraries, bench.budget.remaining
    cost = session.prepare_seconds  # imported once more by the server, and the rest of it by a second reference
    if not libraries.modules or not _LEAST_SECONDS <= cost <= _COST_SHARE * remaining:
        return False
    rehearsal = rehearse(
        bench.server,
        libraries,
        temporary=bench.setting.temporary,
        memory_limit_bytes=int(MEMORY_SHARE * psutil.virtual_memory().available),
        timeout_seconds=_REHEARSAL_SHARE * remaining,
    )
    if rehearsal is None or rehearsal.obstacles or trials * rehearsal.seconds < cost:
        return False
    bench.server.preload(libraries.modules)
    return True
