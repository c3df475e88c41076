"""Which candidates a machine can really run, and why."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from autoprec_probe.candidate import Candidate

SupportLevel = Literal["native", "emulated", "unsupported", "missing-package"]


class Support(BaseModel):
    """The verdict on one candidate on one device, always with a reason and, where there is one, a remedy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate: Candidate
    level: SupportLevel
    reason: str
    remedy: str | None = None
    source: str | None = None
    """Where the fact can be checked."""

    @property
    def can_run(self) -> bool:
        """Whether a trial of this candidate can be started."""
        return self.level in {"native", "emulated"}
