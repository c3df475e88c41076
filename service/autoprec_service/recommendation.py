"""A precision and its evidence: what the policy answers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from autoprec_probe.candidate import Candidate
from autoprec_runner.trial import Mode, Objective, TrialStatus

Basis = Literal["measured", "transferred", "predicted"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ratio(_Part):
    """A ratio to the reference `32-true` with its 95 % interval; above 1 is better for speed, below 1 for memory."""

    value: float
    low: float
    high: float


class Alternative(_Part):
    """A candidate that ran, or was predicted, and was not chosen; where it was not verified, the note says so."""

    candidate: Candidate
    speedup: Ratio | None = None
    memory_ratio: float | None = None
    note: str
    """Why it came after the chosen one, in one sentence."""
    trial_id: str | None = None
    """None where it was predicted, without a trial."""
    qualified: bool = False
    """Whether it may be recommended, too, and is only not the best."""


class Rejected(_Part):
    """A candidate that does not qualify, with the reason."""

    candidate: Candidate
    status: TrialStatus
    reason: str
    remedy: str | None = None
    trial_id: str | None = None
    """None where it was judged without a trial."""


class Recommendation(_Part):
    """The policy's answer. `precision` is None where nothing qualifies, and `reasons` say why."""

    precision: str | None
    candidate: Candidate | None
    basis: Basis | None
    confidence: float = Field(ge=0, le=1)
    objective: Objective
    mode: Mode | None
    """None, like the two keys below, where there was no trial to judge from."""
    hardware_key: str | None
    model_fingerprint: str | None
    study_id: str | None
    """None where the trials are of several studies."""
    speedup: Ratio | None = None
    """Step time of `32-true` over that of the chosen candidate."""
    memory_ratio: float | None = None
    """Peak memory of the chosen candidate over that of `32-true`."""
    reasons: tuple[str, ...]
    alternatives: tuple[Alternative, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    pareto: tuple[Candidate, ...] = ()
    """Those that qualify and that none other beats in time and memory at once, the fastest first."""
    evidence: tuple[str, ...] = ()
    """Ids of the trials that the answer rests on."""

    @property
    def keep_fp32(self) -> tuple[str, ...]:
        """Qualified names of the modules that stay in float32 below the chosen precision."""
        return self.candidate.keep_fp32 if self.candidate else ()
