"""What was deleted because of its age."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

PruneKind = Literal["telemetry", "superseded", "recommendations", "runs"]


class Pruned(BaseModel):
    """How many records were deleted, or would be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reports: int = 0
    studies: int = 0
    trials: int = 0
    recommendations: int = 0
    runs: int = 0
