"""What a sender of records is told."""

from pydantic import BaseModel, ConfigDict

from autoprec_service.access import Access, Principal


class Stored(BaseModel):
    """What became of records that were sent. When this arrives, they are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stored: int
    """Records that were new."""
    known: int
    """Records that were there already."""


def receipt(access: Access, who: Principal, subject: str, *, sent: int, stored: int) -> Stored:
    """Note in the audit log what somebody reported, and return what they are told."""
    known = sent - stored
    access.audit.note(who, "report", subject, stored=stored, known=known)
    return Stored(stored=stored, known=known)
