"""Something that was written to a store: what a reader is told who follows it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

ChangeKind = Literal["study", "trial", "node", "run"]


class Change(BaseModel):
    """One record was added or replaced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    position: int
    """Grows from change to change of a store, with gaps."""
    kind: ChangeKind
    id: str
    """Of the study, trial or run; the name of a node."""
    model_fingerprint: str | None
