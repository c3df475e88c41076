"""What the steps of a trial have shown (free of torch)."""

import math
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from autoprec_runner.trial import EffectiveDtypes, StepParts
from autoprec_runner.trials.slope import Sample


class Activations(BaseModel):
    """What the modules put out during observed steps."""

    model_config = ConfigDict(frozen=True)

    nonfinite: tuple[str, ...] = ()
    """Modules whose output held inf or NaN, in the order in which they ran."""
    largest: dict[str, float] = {}
    """The largest absolute activations, by module."""
    headroom_bits: float | None = None
    tightest: dict[str, float] = {}
    """The least headroom in bits, by module."""


class Held(BaseModel):
    """What a step holds for longer than an operation, in bytes; None for what is not there or not to be seen."""

    model_config = ConfigDict(frozen=True)

    weights_bytes: int
    gradients_bytes: int | None = None
    optimizer_bytes: int | None = None


@dataclass(kw_only=True)
class Evidence:
    """Everything that the steps of a trial have shown so far."""

    rounds: list[list[float]] = field(default_factory=list)
    """Seconds of each timed steady-state step, by round."""
    first_step_seconds: float | None = None
    """Seconds of the very first step, which is watched and pays for every lazy initialisation."""
    compile_seconds: float = 0.0
    """Seconds of the untimed steps in which programs were compiled."""
    warmup: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    steps: int = 0
    first_nonfinite_step: int | None = None
    skipped_steps: int = 0
    peak_memory_bytes: int | None = None
    nonfinite_parameters: tuple[str, ...] = ()
    underflowing_eps: float | None = None
    """The optimizer's eps, where it rounds to zero in the dtype of the parameters."""
    gradient_cosine: float | None = None
    """Cosine of the first step's gradients to those of the fp32 reference, on equal weights."""
    gradient_underflow: float | None = None
    """Share of the reference's non-zero gradients that are zero here."""
    lost_updates: list[float] = field(default_factory=list)
    """For every watched step, the share of the gradient's size on weights that the step left as they were."""
    scales: list[float] = field(default_factory=list)
    """The loss scale after every watched step."""
    is_random: bool = False
    """Whether steps draw random numbers, for dropout, say."""
    resumed: bool | None = None
    """Whether steps after a checkpoint was loaded were the same as before; None if that was not tried, or failed."""
    resume_failure: str | None = None
    """Why no checkpoint could be saved and loaded."""
    activations: Activations = field(default_factory=Activations)
    effective_dtypes: EffectiveDtypes | None = None
    parts: StepParts | None = None
    held: Held | None = None
    unwatched_memory: list[Sample] = field(default_factory=list)
    """What was held after steps that nobody watched, at most so many a run."""
    watched_memory: list[Sample] = field(default_factory=list)
    """The same of the longest watched run: after each of them, memory is given back."""

    @property
    def memory(self) -> list[Sample]:
        """The longer of both series."""
        return max(self.unwatched_memory, self.watched_memory, key=len)

    @property
    def typical_seconds(self) -> float:
        """A step's time by the best knowledge so far: the last round, else the last warm-up step, else the first step.

        Infinite as long as no step has been run.
        """
        first = [] if self.first_step_seconds is None else [self.first_step_seconds]
        times = sorted((self.rounds[-1] if self.rounds else []) or self.warmup[-1:] or first)
        return times[len(times) // 2] if times else math.inf
