"""What is predicted of one candidate: time and memory of a step with their parts (free of torch)."""

from pydantic import BaseModel, ConfigDict

from autoprec_probe.candidate import Candidate
from autoprec_runner.prediction.rates import RateBasis


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Record):
    """A predicted figure with the range in which nine of ten measured ones are expected."""

    value: float
    low: float
    high: float


class TimeParts(_Record):
    """Where the time of a step goes, in seconds."""

    products: float = 0.0
    elementwise: float = 0.0
    """Arithmetic, functions, normalizations, random numbers and look-ups."""
    movement: float = 0.0
    """Casts, copies and fills."""
    update: float = 0.0
    """The optimizer."""
    starting: float = 0.0
    """Starting operations, those of the update included."""


class MemoryParts(_Record):
    """What the memory of a step holds, in bytes."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    temporary: int
    """What single operations need for themselves, and what the allocator wastes."""
    batches: int
    surroundings: int
    """Libraries and what they allocate for themselves."""


class Prediction(_Record):
    """What one candidate is expected to take on a machine, computed and not measured."""

    candidate: Candidate
    basis: RateBasis
    """Where the rates of the device come from."""
    step_seconds: Estimate | None = None
    time_parts: TimeParts | None = None
    speedup: Estimate | None = None
    """Over `32-true`. What both have in common cancels out, so it is more certain than either time."""
    peak_memory_bytes: Estimate | None = None
    memory_parts: MemoryParts | None = None
    missing: str | None = None
    """Why something is not predicted, if so."""
