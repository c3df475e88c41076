"""A recommendation that somebody asked for, and what was answered."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from autoprec_runner.trial import Mode
from autoprec_service.recommendation import Basis


class AskedRecommendation(BaseModel):
    """A question with its answer in short: what is later held against trials."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    id: str
    asked_at: AwareDatetime
    question: dict[str, Any]
    """The question as it was sent."""
    precision: str | None
    """None where nothing was recommended."""
    basis: Basis | None
    confidence: float = Field(ge=0, le=1)
    model_fingerprint: str | None
    hardware_key: str | None
    mode: Mode | None
    evidence: tuple[str, ...] = ()
    """Ids of the trials that the answer rested on."""
