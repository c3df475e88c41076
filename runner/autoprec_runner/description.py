"""What may be told of a model to someone who advises on it: figures, never code or weights (free of torch)."""

from pydantic import BaseModel, ConfigDict, Field

from autoprec_runner.doctor.traits import WorkloadTraits
from autoprec_runner.prediction.cost import WorkloadCost
from autoprec_runner.trial import Mode


class ModelDescription(BaseModel):
    """A model and its step in figures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_fingerprint: str
    workload_key: str
    name: str
    """How the model is called, for people."""
    mode: Mode
    parameters: int = Field(ge=0)
    layers: dict[str, int] = Field(default_factory=dict)
    """How many layers there are of each class."""
    cost: WorkloadCost | None = None
    """What a step does in each precision; None where it could not be followed."""
    traits: WorkloadTraits | None = None
    """Its linear layers by shape, its optimizer and the size of its weights; None where they were not looked at."""
