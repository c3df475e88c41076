"""One record of each kind, as the description of the interface shows it."""

from typing import Any

from fastapi.openapi.models import Example

_MODEL, _WORKLOAD, _HARDWARE = "5f1c0e9b7a3d2468", "9b0d3c5e7f1a2846", "nvidia-h100-80gb-hbm3"
_MOMENT = "2025-01-01T12:00:00Z"
_CANDIDATE = {"precision": "bf16-mixed"}
_PROFILE = {"system": "Linux", "cpu": {"architecture": "x86_64"}, "software": {"python": "3.12.4"}}

STUDY: dict[str, Any] = {
    "id": "4b49d849e2e09531-1",
    "model_fingerprint": _MODEL,
    "workload_key": _WORKLOAD,
    "workload": "a small transformer",
    "hardware_key": _HARDWARE,
    "hardware": _PROFILE,
    "mode": "train",
    "objective": "throughput",
    "candidates": [{"precision": "32-true"}, _CANDIDATE],
    "budget_seconds": 60.0,
    "seed": 0,
    "status": "complete",
    "started_at": _MOMENT,
    "finished_at": "2025-01-01T12:00:48Z",
}

TRIAL: dict[str, Any] = {
    "id": "db5299c5464241bc9449ae932910fa3e",
    "study_id": STUDY["id"],
    "model_fingerprint": _MODEL,
    "workload_key": _WORKLOAD,
    "hardware_key": _HARDWARE,
    "candidate": _CANDIDATE,
    "mode": "train",
    "phase": "race",
    "status": "ok",
    "reason": "11.2 ms a step, the median of 60.",
    "support": "native",
    "step_time": {"median_seconds": 0.0112, "low_seconds": 0.0111, "high_seconds": 0.0114, "steps": 60},
    "peak_memory_bytes": 2_147_483_648,
    "software": {"torch": "2.9.0"},
    "started_at": _MOMENT,
    "wall_seconds": 4.2,
}

DESCRIPTION: dict[str, Any] = {
    "model_fingerprint": _MODEL,
    "workload_key": _WORKLOAD,
    "name": "a small transformer",
    "mode": "train",
    "parameters": 124_439_808,
    "layers": {"Linear": 48, "LayerNorm": 25},
}

RUN: dict[str, Any] = {
    "id": "nightly-2025-01-01",
    "node": "gpu-17",
    "model_fingerprint": _MODEL,
    "workload": "a small transformer",
    "hardware_key": _HARDWARE,
    "precision": "32-true",
    "mode": "train",
    "started_at": _MOMENT,
    "seen_at": "2025-01-01T12:05:00Z",
}

REPORTS: dict[str, Any] = {
    "sent_at": "2025-01-01T12:00:15Z",
    "reports": [
        {
            "id": "0d0f1e2c3b4a59687786958493a2b1c0",
            "run": "5c4b3a29180716253443526170818f9e",
            "sequence": 1,
            "observed_at": _MOMENT,
            "interval_seconds": 15.0,
            "profile": _PROFILE,
            "telemetry": {"host": {"load_average": 3.2, "memory_available_bytes": 128_849_018_880}},
        },
    ],
}

TOKEN: dict[str, Any] = {"name": "agents of rack 4", "scopes": ["report"], "days": 90}


def shown(value: Any) -> dict[str, Example]:
    """Return an example as FastAPI wants it."""
    return {"one": Example(value=value)}
