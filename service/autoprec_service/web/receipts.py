"""What a sender of records is told."""

from pydantic import BaseModel, ConfigDict


class Stored(BaseModel):
    """What became of records that were sent. When this arrives, they are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stored: int
    """Records that were new."""
    known: int
    """Records that were there already."""
