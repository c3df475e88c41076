"""One candidate of one study in short: what comparisons over many studies are made of."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from autoprec_probe.candidate import Candidate
from autoprec_runner.trial import Mode, TrialStatus


class Outcome(BaseModel):
    """How one candidate ended in one study, with its ratios to the reference of the same study."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study_id: str
    trial_id: str
    """The trial that decides."""
    model_fingerprint: str
    workload_key: str
    hardware_key: str
    mode: Mode
    candidate: Candidate
    status: TrialStatus
    stable: bool | None
    """None where it was not verified."""
    speedup: float | None = None
    """Step time of `32-true` over that of the candidate."""
    memory_ratio: float | None = None
    """Peak memory of the candidate over that of `32-true`."""
    step_seconds: float | None = None
    peak_memory_bytes: int | None = None
    software: dict[str, str | None] = {}
    measured_at: datetime
