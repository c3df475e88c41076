"""What the doctor has to say of one study: a sentence, what to do, and where others have reported the same."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Severity = Literal["error", "warning", "note"]
FoundBy = Literal["static", "trial"]


class Finding(BaseModel):
    """One rule that applies here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """The rule, such as `adam-eps-underflows`; `autoprec doctor --explain ID` tells more."""
    severity: Severity
    """`error`: what is named does not work. `warning`: it may fail or be in vain. `note`: good to know."""
    found_by: FoundBy
    sentence: str
    """What, and where: the module, setting or candidate by its name, with the numbers."""
    remedy: str
    references: tuple[str, ...]
    """Where others have reported it."""
    candidates: tuple[str, ...] = ()
    """The candidates that it is about, as tables name them; empty where it is about the workload as a whole."""

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.severity} {self.id}: {self.sentence} {self.remedy}"
