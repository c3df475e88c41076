"""Outcomes made up for tests: whatever is not said has a plain value."""

from datetime import UTC, datetime
from typing import Any

from autoprec_probe.candidate import Candidate
from autoprec_service.outcome import Outcome

MEASURED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def make_outcome(precision: str = "32-true", *, seconds: float | None = 1.0, **fields: Any) -> Outcome:
    """Return a stable outcome whose reference takes a second a step."""
    plain: dict[str, Any] = {
        "study_id": "study-a",
        "trial_id": f"trial {precision}",
        "model_fingerprint": "model-a",
        "workload_key": "workload-a",
        "hardware_key": "cpu-x86-2c",
        "mode": "train",
        "candidate": Candidate(precision=precision),
        "status": "ok",
        "stable": True,
        "speedup": 1 / seconds if seconds else None,
        "memory_ratio": 1.0,
        "step_seconds": seconds,
        "peak_memory_bytes": 2**20,
        "software": {"torch": "2.13.0"},
        "measured_at": MEASURED_AT,
    }
    return Outcome.model_validate(plain | fields)
