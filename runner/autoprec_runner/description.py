"""What may be told of a model to someone who advises on it: figures, never code or weights (free of torch)."""

from pydantic import BaseModel, ConfigDict, Field

from autoprec_runner.doctor.traits import WorkloadTraits
from autoprec_runner.prediction.cost import WorkloadCost
from autoprec_runner.trial import Mode


class ModelDescription(BaseModel):
    """A model and its step in figures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_fingerprint: str = Field(min_length=1, max_length=128)
    workload_key: str = Field(min_length=1, max_length=128)
    name: str = Field(max_length=1024)
    """How the model is called, for people."""
    mode: Mode
    parameters: int = Field(ge=0, le=2**60)
    layers: dict[str, int] = Field(default_factory=dict)
    """How many layers there are of each class."""
    cost: WorkloadCost | None = None
    """What a step does in each precision; None where it could not be followed."""
    traits: WorkloadTraits | None = None
    """Its linear layers by shape, its optimizer and the size of its weights; None where they were not looked at."""
