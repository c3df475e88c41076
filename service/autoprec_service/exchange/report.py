"""What became of each line of an imported file."""

from pydantic import BaseModel, ConfigDict


class RefusedLine(BaseModel):
    """A line that was not imported, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: int
    """Counted from 1."""
    reason: str


class ImportReport(BaseModel):
    """What became of each record of an imported file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    new: int = 0
    known: int = 0
    """Records that the store held already; they were left as they are."""
    refused: tuple[RefusedLine, ...] = ()
    """Ordered by line."""
    notes: tuple[str, ...] = ()
    """What a peer's format could not tell, or what was left out of it because it means something else here."""

    def __str__(self) -> str:
        """Return the counts, then one line for each refusal and each note."""
        head = f"{self.new} new, {self.known} already there, {len(self.refused)} refused."
        return "\n".join([head, *(f"line {each.line}: {each.reason}" for each in self.refused), *self.notes])
