"""The trials of one workload on one machine, planned and stopped as a whole: what is recorded of it (free of torch)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from autoprec_probe.candidate import Candidate, Strategy
from autoprec_probe.profile import HardwareProfile
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.trial import Mode, Objective

StudyStatus = Literal["running", "complete", "interrupted"]


class Constraints(BaseModel):
    """What an answer must respect, whatever its speed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_memory_bytes: int | None = None
    tolerance: float | None = None
    """Largest accepted relative loss gap (train) or output error (inference); None for the mode's default."""


class Study(BaseModel):
    """One question asked of one machine: which precision for this workload, within this budget?"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """Derived from the question alone, so that asking again finds the same study."""
    model_fingerprint: str
    workload_key: str
    workload: str
    """How the workload is called, for people."""
    hardware_key: str
    hardware: HardwareProfile
    mode: Mode
    objective: Objective
    constraints: Constraints = Constraints()
    strategy: Strategy = "single"
    candidates: tuple[Candidate, ...]
    budget_seconds: float
    seed: int
    status: StudyStatus
    started_at: datetime
    finished_at: datetime | None = None
    findings: tuple[Finding, ...] = ()
    """What the doctor said before the first trial, then what it found in the trials."""
