"""One candidate run on one workload on one machine: what is recorded of it (free of torch)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from autoprec_probe.candidate import Candidate
from autoprec_probe.support import SupportLevel

TrialStatus = Literal["ok", "unstable", "oom", "crashed", "timeout", "unsupported", "error"]
Phase = Literal["screen", "sprint", "race", "verify"]
Mode = Literal["train", "inference"]
Objective = Literal["throughput", "memory", "energy", "balanced", "time-to-loss"]
BatchLimit = Literal["memory", "time", "workload"]
Bottleneck = Literal["input-bound", "launch-bound"]


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
    quantiles_seconds: tuple[float, ...] = ()
    """How the timed steps are distributed: the shortest, each further twentieth of them, the longest. Empty where they
    are too few to tell."""


class StepParts(_Record):
    """Where the time of a step goes: medians over a few steps that were run for this alone, in seconds.

    Between the parts the device is waited for, so that their sum may exceed the step time.
    """

    fetch_seconds: float | None = None
    """Drawing one batch from the user's loader, with nothing else going on; None where there was nothing to draw from.
    The steps of a trial do not wait for it."""
    move_seconds: float
    """Moving a batch to the device; 0 where it is there."""
    forward_seconds: float
    """The forward pass and, in training, the loss."""
    backward_seconds: float | None = None
    optimizer_seconds: float | None = None
    """The update, and forgetting the gradients."""
    steps: int
    operations: int | None = None
    """Operations that the host starts in one step; None where they could not be counted."""
    start_seconds: float | None = None
    """Starting one operation that has next to nothing to compute."""
    bottleneck: Bottleneck | None = None
    """What keeps a faster precision from helping; `autoprec_runner.trials.bottleneck` says how that is found."""

    @property
    def data_seconds(self) -> float:
        """Fetching and moving a batch."""
        return (self.fetch_seconds or 0.0) + self.move_seconds

    @property
    def compute_seconds(self) -> float:
        """Forward, backward and update."""
        return self.forward_seconds + (self.backward_seconds or 0.0) + (self.optimizer_seconds or 0.0)

    @property
    def shares(self) -> dict[str, float]:
        """What share of their sum each part has that a step of this mode consists of."""
        parts = {
            "data": self.data_seconds,
            "forward": self.forward_seconds,
            "backward": self.backward_seconds,
            "optimizer": self.optimizer_seconds,
        }
        total = self.data_seconds + self.compute_seconds
        return {name: seconds / total for name, seconds in parts.items() if seconds is not None and total > 0}


class MemoryParts(_Record):
    """What the peak memory of a step consists of, in bytes."""

    weights_bytes: int
    """Parameters and buffers."""
    gradients_bytes: int | None = None
    """None where the strategy keeps them to itself, and in inference."""
    optimizer_bytes: int | None = None
    """The tensors of the optimizer's state."""
    rest_bytes: int
    """The peak without all these: activations, temporary results and the batch. At its height not every gradient need
    be there, so that this is the least that they took."""

    @property
    def standing_bytes(self) -> int:
        """What is there whatever the batch: weights, gradients and optimizer state."""
        return self.weights_bytes + (self.gradients_bytes or 0) + (self.optimizer_bytes or 0)


class Energy(_Record):
    """What the steps of a race took from a meter, in joules a sample, with its 95 % bootstrap interval over rounds."""

    joules_per_sample: float
    low_joules: float
    high_joules: float
    meter: Literal["nvml", "rapl"]
    """NVML counts the device alone; RAPL counts all cores of the machine and its memory, whoever uses them."""
    steps: int


class LargestBatch(_Record):
    """The most samples in a batch that a candidate took, made of the user's own by repeating them."""

    batch_size: int
    samples_per_second: float
    step_seconds: float
    """The median of a few steps."""
    peak_memory_bytes: int
    limited_by: BatchLimit
    """Whether more did not fit, were not tried because the budget went on to other things, or do not make a step."""


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
    memory_parts: MemoryParts | None = None
    compile_seconds: float | None = None
    """What compiling took before the steady state: the untimed steps in which programs were compiled."""
    parts: StepParts | None = None
    """None before the race, under XLA, and where steps are too long for the budget."""
    energy: Energy | None = None
    largest_batch: LargestBatch | None = None
    """Only where it was asked for."""
    losses: tuple[float, ...] = ()
    """The first losses of the run, one a step (train), at most 256."""
    final_loss: float | None = None
    loss_scales: tuple[float, ...] = ()
    """The gradient scaler's scale after each of the first steps, at most 256; empty where nothing is scaled."""
    stability: Stability | None = None
    effective_dtypes: EffectiveDtypes | None = None
    software: dict[str, str | None] = Field(default_factory=dict)
    conditions: dict[str, str | int | float | None] = Field(default_factory=dict)
    """Circumstances that a timing depends on: threads, affinity, load, and what was seen during the race."""
    started_at: datetime
    wall_seconds: float

    @property
    def energy_joules_per_sample(self) -> float | None:
        """What one sample took; None where no meter could be read."""
        return self.energy.joules_per_sample if self.energy else None
