"""What a conversion has done to a model, for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autoprec_runner.quantities import size

_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Which Linear layers were quantized, which were not and why, and what the weights take."""

    precision: str
    quantized: tuple[str, ...] = ()
    """Qualified names; a layer with several has the first."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Layers that stay as they are, with the reason."""
    bytes_before: int
    """Bytes of all weights of the model, quantized or not."""
    bytes_after: int
    unmatched: tuple[str, ...] = ()
    """Names to be ignored that the model does not have."""

    def __str__(self) -> str:
        """Return it in sentences."""
        total = len(self.quantized) + len(self.kept)
        share = f"{len(self.quantized)} of {total} Linear layers"
        sizes = f"{size(self.bytes_after)} instead of {size(self.bytes_before)}"
        sentences = [f"{self.precision} quantized {share}: the model's weights take {sizes}."]
        if self.kept:
            sentences.append(f"Kept as they are: {listed(self.kept)}.")
        if self.unmatched:
            names = ", ".join(map(repr, self.unmatched))
            sentences.append(f"ignore_modules names what the model does not have: {names}.")
        return " ".join(sentences)


def listed(kept: Mapping[str, str]) -> str:
    """Return layers with their reasons, the first few by name."""
    shown = "; ".join(f"`{name}` ({reason})" for name, reason in list(kept.items())[:_NAMED])
    more = len(kept) - _NAMED
    return f"{shown}; and {more} more" if more > 0 else shown
