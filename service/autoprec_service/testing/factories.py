"""Studies, trials and reports made up for tests: whatever is not said has a plain value, the same each time."""

from datetime import UTC, datetime, timedelta
from typing import Any

from autoprec_probe.agent.report import Report
from autoprec_probe.candidate import Candidate, MatmulPrecision
from autoprec_probe.profile import Cpu, HardwareProfile, Software
from autoprec_probe.telemetry import HostTelemetry, Telemetry
from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study
from autoprec_runner.trial import Phase, Stability, StepTime, Trial
from autoprec_service.asked import AskedRecommendation
from autoprec_service.run import Run

STARTED_AT = datetime(2025, 1, 1, 12, tzinfo=UTC)

PROFILE = HardwareProfile(system="Linux", cpu=Cpu(architecture="x86_64"), software=Software(python="3.11"))

_QUESTION = {
    "model_fingerprint": "model-a",
    "workload_key": "workload-a",
    "hardware_key": "cpu-x86-2c",
    "mode": "train",
}


def make_step_time(seconds: float, *, spread: float = 0.01, steps: int = 40) -> StepTime:
    """Return a step time whose interval reaches `spread` (a share of the median) to both sides."""
    low, high = seconds * (1 - spread), seconds * (1 + spread)
    return StepTime(median_seconds=seconds, low_seconds=low, high_seconds=high, steps=steps)


def make_stability(verdict: str = "stable", **overrides: Any) -> Stability:
    """Return what was seen of a candidate beside the reference over 40 steps."""
    sentence = f"The loss was judged {verdict} over 40 steps."
    fields = {"verdict": verdict, "sentence": sentence, "steps": 40, "deviation": 0.004, "allowed": 0.05}
    return Stability.model_validate(fields | overrides)


def make_trial(
    precision: str = "32-true",
    *,
    matmul_precision: MatmulPrecision = "highest",
    emulate: bool = False,
    seconds: float | None = 1.0,
    spread: float = 0.01,
    memory: int | None = 2**30,
    verdict: str | None = "stable",
    phase: Phase = "verify",
    **overrides: Any,
) -> Trial:
    """Return a trial that went well, unless the fields of the schema in `overrides` say otherwise.

    `seconds` and `spread` make its step time, `memory` is its peak in bytes, `verdict` its stability; None leaves out.
    """
    candidate = Candidate(precision=precision, matmul_precision=matmul_precision, emulate=emulate)
    fields = _QUESTION | {
        "id": f"{candidate} {phase}",
        "study_id": "study-a",
        "candidate": candidate,
        "phase": phase,
        "status": "ok",
        "reason": f"{candidate} was measured.",
        "support": "native",
        "step_time": None if seconds is None else make_step_time(seconds, spread=spread),
        "peak_memory_bytes": memory,
        "stability": None if verdict is None else make_stability(verdict),
        "started_at": STARTED_AT,
        "wall_seconds": 10.0,
    }
    return Trial.model_validate(fields | overrides)


def make_study(**overrides: Any) -> Study:
    """Return a running study of two candidates, unless the fields of the schema in `overrides` say otherwise."""
    fields = _QUESTION | {
        "id": "study-a",
        "workload": "a small model",
        "hardware": PROFILE,
        "objective": "throughput",
        "candidates": (Candidate(precision="32-true"), Candidate(precision="bf16-mixed")),
        "budget_seconds": 60.0,
        "seed": 0,
        "status": "running",
        "started_at": STARTED_AT,
    }
    return Study.model_validate(fields | overrides)


def make_report(number: int, *, run: str = "a", load: float | None = 1.0, **overrides: Any) -> Report:
    """Return the report with this number of a run, live values alone, unless the fields in `overrides` say otherwise.

    Its id follows from run and number, and it was observed as many seconds after `STARTED_AT`; `load` None leaves the
    live values out.
    """
    fields = {
        "id": f"{run:0>16}{number:016x}"[-32:],
        "run": f"{run:0>32}",
        "sequence": number,
        "observed_at": STARTED_AT + timedelta(seconds=number),
        "interval_seconds": 15.0,
        "telemetry": None if load is None else Telemetry(host=HostTelemetry(load_average=load)),
    }
    return Report.model_validate(fields | overrides)


def make_description(**overrides: Any) -> ModelDescription:
    """Return a model in figures, unless the fields of the schema in `overrides` say otherwise."""
    fields = {
        "model_fingerprint": "model-a",
        "workload_key": "workload-a",
        "name": "a described model",
        "mode": "train",
        "parameters": 1_000_000,
        "layers": {"Linear": 4},
    }
    return ModelDescription.model_validate(fields | overrides)


def make_run(id: str, **overrides: Any) -> Run:  # noqa: A002 (as in the schema)
    """Return a run that goes on, unless the fields of the schema in `overrides` say otherwise."""
    fields = {
        "id": id,
        "node": "node",
        "model_fingerprint": "model-a",
        "workload": "a small model",
        "hardware_key": "cpu-x86-2c",
        "precision": "32-true",
        "mode": "train",
        "started_at": STARTED_AT,
        "seen_at": STARTED_AT,
    }
    return Run.model_validate(fields | overrides)


def make_asked(id: str, **overrides: Any) -> AskedRecommendation:  # noqa: A002 (as in the schema)
    """Return a measured recommendation, unless the fields of the schema in `overrides` say otherwise."""
    fields = {
        "id": id,
        "asked_at": STARTED_AT,
        "question": {"objective": "throughput"},
        "precision": "bf16-mixed",
        "basis": "measured",
        "confidence": 0.9,
        "model_fingerprint": "model-a",
        "hardware_key": "cpu-x86-2c",
        "mode": "train",
        "evidence": ("a",),
    }
    return AskedRecommendation.model_validate(fields | overrides)
