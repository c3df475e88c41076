"""Trials as they are kept."""

import json

from autoprec_runner.trial import Energy, LargestBatch, MemoryParts, StepParts, Trial
from autoprec_service.testing import make_trial

OLDER = """
{
  "id": "a", "study_id": "s", "model_fingerprint": "m", "workload_key": "w", "hardware_key": "cpu-x86-2c",
  "candidate": {"precision": "bf16-mixed", "strategy": "single", "matmul_precision": "highest"},
  "mode": "train", "phase": "race", "status": "ok", "reason": "It was measured.", "remedy": null, "support": "native",
  "step_time": {"median_seconds": 0.1, "low_seconds": 0.09, "high_seconds": 0.11, "steps": 40, "warmup_steps": 5},
  "samples_per_second": 80.0, "tokens_per_second": null, "peak_memory_bytes": 1024, "losses": [1.0, 0.5],
  "final_loss": 0.5, "stability": null, "effective_dtypes": null, "software": {"torch": "2.13.0"},
  "conditions": {"torch_threads": 2, "compile_seconds": 3.5}, "started_at": "2025-01-01T12:00:00Z", "wall_seconds": 3.0
}
"""


def test_a_trial_from_before_the_newer_measurements_loads_without_them() -> None:
    trial = Trial.model_validate_json(OLDER)
    unknown = (trial.parts, trial.memory_parts, trial.energy, trial.energy_joules_per_sample, trial.largest_batch)
    assert (None,) * 5 == unknown
    assert trial.compile_seconds is None
    assert not trial.candidate.compile


def test_every_measurement_survives_json() -> None:
    trial = make_trial(
        compile_seconds=20.0,
        parts=StepParts(move_seconds=0.1, forward_seconds=0.2, steps=5, bottleneck="launch-bound"),
        memory_parts=MemoryParts(weights_bytes=1, rest_bytes=2),
        energy=Energy(joules_per_sample=1.0, low_joules=0.5, high_joules=1.5, meter="rapl", steps=9),
        largest_batch=LargestBatch(
            batch_size=8, samples_per_second=1.0, step_seconds=8.0, peak_memory_bytes=3, limited_by="time"
        ),
    )
    assert trial == Trial.model_validate_json(trial.model_dump_json())
    assert 1.0 == trial.energy_joules_per_sample
    assert set(json.loads(OLDER)) < set(json.loads(trial.model_dump_json()))
