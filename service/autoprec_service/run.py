"""A training run that reports which precision it uses."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from autoprec_runner.trial import Mode


class Run(BaseModel):
    """One run of a model somewhere: what it uses, to be held against what would be best."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    node: str | None = None
    """The machine that it runs on, by the name under which that reports."""
    model_fingerprint: str | None = None
    workload: str
    """How the workload is called, for people."""
    hardware_key: str
    precision: str
    """As it was told: a precision of ours, or what another framework calls its own."""
    mode: Mode | None = None
    started_at: AwareDatetime
    seen_at: AwareDatetime
    """When it was last heard of."""
    ended_at: AwareDatetime | None = None
    """None as long as it goes on, as far as is known."""
