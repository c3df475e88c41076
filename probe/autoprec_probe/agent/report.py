"""What an agent sends: reports in batches, and the receipt that the service answers with."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from autoprec_probe.profile import HardwareProfile
from autoprec_probe.telemetry import Telemetry

NODE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$"
"""What a node may be called: any host name or Kubernetes node name, and safe as a part of a URL or a path."""
LONGEST_BATCH = 500
"""Reports that one batch holds at most."""
LARGEST_BODY_BYTES = 1 << 20
"""What the service takes in one request."""

_IDENTIFIER = r"^[0-9a-f]{32}$"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Report(_Message):
    """One look at a machine."""

    id: str = Field(pattern=_IDENTIFIER)
    """Unique, so that a report that arrives twice is counted once."""
    run: str = Field(pattern=_IDENTIFIER)
    """Which start of the agent it comes from."""
    sequence: int = Field(ge=0, le=2**53)
    """Its number within the run: later looks have larger ones, however the clock jumps."""
    observed_at: AwareDatetime
    interval_seconds: float = Field(gt=0, le=86_400)
    """How long the agent waits between two reports."""
    agent_version: str | None = Field(default=None, max_length=64)
    profile: HardwareProfile | None = None
    """What the machine is, without live values; None where it is what the report before told."""
    telemetry: Telemetry | None = None
    """What the machine is doing; None where it could not be read."""
    error: str | None = Field(default=None, max_length=2000)
    """Why profile or telemetry could not be read."""
    dropped: int = Field(default=0, ge=0, le=2**53)
    """Reports of this run that were given up before this one, because the agent's bounds were reached."""


class ReportBatch(_Message):
    """Reports of one machine, the oldest first."""

    sent_at: AwareDatetime
    """When the agent sent them by its own clock: the service tells their age from it, whatever that clock shows."""
    reports: tuple[Report, ...] = Field(min_length=1, max_length=LONGEST_BATCH)


class Receipt(_Message):
    """What became of a batch."""

    stored: int
    """Reports that were new."""
    known: int
    """Reports that had arrived before, and were left as they are."""
    profile_wanted: bool = False
    """Whether the service knows no profile of this machine, so that the next report should hold one."""
