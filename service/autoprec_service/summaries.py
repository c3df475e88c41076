"""What a store holds, in short."""

from pydantic import AwareDatetime, BaseModel, ConfigDict


class _Summary(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSummary(_Summary):
    """A model that was measured or described."""

    fingerprint: str
    name: str
    """As it describes itself, else what its latest study calls the workload."""
    parameters: int | None
    """None where it was never described."""
    studies: int
    trials: int
    hardware_keys: tuple[str, ...]
    """Where it was measured, sorted."""
    last_measured_at: AwareDatetime | None
    """When its latest trial began."""


class HardwareSummary(_Summary):
    """Hardware that was measured on, or that a machine reports."""

    key: str
    name: str
    """What its vendor calls it, else the key."""
    studies: int
    trials: int
    models: int
    nodes: int
    """Machines that report this hardware."""
    last_measured_at: AwareDatetime | None
    """When the latest trial on it began."""


class StoreCounts(_Summary):
    """How much a store holds."""

    studies: int
    trials: int
    models: int
    hardware: int
    nodes: int
