"""What is answered: a recommendation, what it gains, how fresh it is, and how to use it."""

from pydantic import BaseModel, ConfigDict, Field

from autoprec_probe.candidate import Candidate, Device
from autoprec_service.frameworks import FrameworkArguments
from autoprec_service.recommendation import Ratio, Recommendation


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Neighbour(_Part):
    """A model that a transferred answer draws on."""

    model_fingerprint: str
    name: str | None = None
    distance: float
    """0 for the same figures, about 1 for a model of another behaviour."""


class Staleness(_Part):
    """That an answer rests on measurements under other software."""

    differences: tuple[str, ...]
    """What differs, such as `torch 2.9.0 instead of 2.13.0`."""
    sentence: str


class OnHardware(_Part):
    """The best on one kind of hardware."""

    hardware_key: str
    precision: str | None
    candidate: Candidate | None
    basis: str | None
    confidence: float
    speedup: Ratio | None = None
    """Over `32-true` on the same hardware."""
    step_seconds: float | None = None
    """None where neither measured nor predicted."""
    reason: str


class OverFleet(_Part):
    """What holds over all hardware that is known: the best of each kind, the best for all, and the best of all."""

    by_hardware: tuple[OnHardware, ...]
    single: str | None
    """The one precision that may be used on all of them and gains the most in the geometric mean; None if there is
    none."""
    single_speedup: float | None = None
    """That mean, over `32-true` everywhere."""
    single_reason: str
    best: OnHardware | None
    """The hardware on which a step is done the soonest; None where no step time is known."""


class Advice(Recommendation):
    """The answer to a question. `precision` is None where nothing can be recommended; `run` then says what to do."""

    id: str
    """Under which the service remembers that it was asked."""
    device: Device | None = None
    current: Candidate | None = None
    """What the caller uses now."""
    gain_over_current: Ratio | None = None
    """Speed over that of `current`; None where either is not known."""
    memory_over_current: float | None = None
    """Peak memory over that of `current`."""
    stale: Staleness | None = None
    score: float | None = Field(default=None, ge=0, le=1)
    """Of a transferred answer: what its confidence was made of, by calibration."""
    neighbours: tuple[Neighbour, ...] = ()
    """Of a transferred answer: the models that it draws on, the nearest first."""
    frameworks: dict[str, FrameworkArguments] = Field(default_factory=dict)
    """Ready arguments for fabric, trainer, accelerate, transformers, deepspeed, fsdp and plain torch."""
    run: str | None = None
    """The command that would measure what is not measured; None where it is."""
    fleet: OverFleet | None = None
    """Only where no hardware was named."""
