"""One candidate run on one workload on one machine: what is recorded of it (free of torch)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from autoprec_probe.candidate import Candidate
from autoprec_probe.support import SupportLevel

TrialStatus = Literal["ok", "unstable", "oom", "crashed", "timeout", "unsupported", "error"]
Phase = Literal["screen", "sprint", "race", "verify"]
Mode = Literal["train", "inference"]
Objective = Literal["throughput", "memory", "energy", "balanced"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class StepTime(_Record):
    """Time of one steady-state step: median of `steps` timed steps with its 95 % bootstrap interval, in seconds."""

    median_seconds: float
    low_seconds: float
    high_seconds: float
    steps: int
    warmup_steps: int = 0
    """Steps run before the step time was stationary; they are not in the median."""


class Check(_Record):
    """One number about a candidate's numerics, with the bound that it is held to."""

    id: str
    """What was looked at, such as `lost-updates`; `autoprec_runner.trials.checks` says what each means."""
    verdict: Literal["good", "warning", "bad"]
    """`bad` makes the candidate unstable; a `warning` says what to expect."""
    value: float | None
    limit: float | None = None
    sentence: str


class Stability(_Record):
    """How a candidate behaved beside the fp32 reference on the same seed and batches."""

    verdict: Literal["stable", "unstable", "unjudged"]
    sentence: str
    """The verdict in one sentence with its numbers."""
    steps: int = 0
    """Steps (train) or batches (inference) that were compared."""
    deviation: float | None = None
    """Train: mean relative loss gap to the reference over the compared tail. Inference: relative L2 output error."""
    allowed: float | None = None
    """The largest deviation that is accepted: the user's tolerance or the reference's own spread, if that is larger."""
    first_nonfinite_module: str | None = None
    first_nonfinite_step: int | None = None
    skipped_steps: int = 0
    """Optimizer steps that the gradient scaler skipped."""
    headroom_bits: float | None = None
    """log2 of the largest finite number of the compute dtype over the largest activation seen."""
    checks: tuple[Check, ...] = ()
    """What else was looked at beside the losses."""


class EffectiveDtypes(_Record):
    """What really ran, as opposed to what was asked for."""

    parameters: str
    compute: str
    gradients: str | None = None
    reduction: str | None = None
    optimizer_state: str | None = None
    inputs: str | None = None
    note: str | None = None
    """What the precision says of its conversion: what was left out and why, and what the weights take."""
    master_weights: str | None = None
    """The weights that the optimizer updates, where they are not the parameters themselves (DeepSpeed)."""


class Trial(_Record):
    """One candidate run on one workload on one machine, up to one phase of a study. Never changed once stored."""

    id: str
    study_id: str
    model_fingerprint: str
    workload_key: str
    """Identity of model, batch shapes, loss, optimizer, mode, device count and seed."""
    hardware_key: str
    candidate: Candidate
    mode: Mode
    phase: Phase
    status: TrialStatus
    reason: str
    """One sentence: why it has this status. What was measured, for `ok`."""
    remedy: str | None = None
    support: SupportLevel
    step_time: StepTime | None = None
    samples_per_second: float | None = None
    tokens_per_second: float | None = None
    peak_memory_bytes: int | None = None
    """High-water mark of the steps above the process's size before the workload was loaded."""
    losses: tuple[float, ...] = ()
    """The first losses of the run, one a step (train), at most 256."""
    final_loss: float | None = None
    stability: Stability | None = None
    effective_dtypes: EffectiveDtypes | None = None
    software: dict[str, str | None] = Field(default_factory=dict)
    conditions: dict[str, str | int | float | None] = Field(default_factory=dict)
    """Circumstances that a timing depends on: threads, affinity, load."""
    started_at: datetime
    wall_seconds: float
