"""What compiling costs and when it has paid."""

import math
from collections.abc import Sequence

from autoprec_service.formatting import duration
from autoprec_service.policy.evidence import Evidence


def compilation_note(evidence: Evidence, others: Sequence[Evidence]) -> str | None:
    """Say what compiling a candidate took, and after how many steps it pays beside the same one as it is."""
    if not evidence.candidate.compile or evidence.compile_seconds is None:
        return None
    took = f"compiling took {duration(evidence.compile_seconds)}"
    plain = evidence.candidate.model_copy(update={"compile": False})
    twin = next((each for each in others if each.candidate == plain), None)
    if twin is None or twin.step_time is None or evidence.step_time is None:
        return took
    steps = break_even_steps(evidence.compile_seconds, evidence, twin)
    if steps is None:
        return f"{took} and makes no step faster than {twin.name}"
    return f"{took}, which pays after {steps:,} steps beside {twin.name}"


def break_even_steps(compile_seconds: float, evidence: Evidence, twin: Evidence) -> int | None:
    """Return how many steps save what compiling took; None if they save nothing."""
    assert evidence.step_time is not None, "only measured candidates are compared"
    assert twin.step_time is not None, "only measured candidates are compared"
    saved = twin.step_time.median_seconds - evidence.step_time.median_seconds
    return math.ceil(compile_seconds / saved) if saved > 0 else None
