"""What a service tells beside records: values that have no other home than an answer."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from autoprec_service.fleet import Node

NodeState = Literal["online", "stale", "lost"]


class _Told(BaseModel):
    """Fields that a newer service tells are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Health(_Told):
    """That the service answers."""

    status: Literal["ok"]


class Stored(_Told):
    """What became of records that were sent."""

    stored: int = 0
    """Records that were new."""
    known: int = 0
    """Records that were there already."""

    def __add__(self, other: "Stored") -> "Stored":
        """Return what became of both."""
        return Stored(stored=self.stored + other.stored, known=self.known + other.known)


class KnownNode(Node):
    """One machine as the service knows it now."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hardware_key: str | None = None
    seconds_since_seen: float
    state: NodeState
    """Whether it reports, has been silent for three intervals of its agent, or for much longer."""
