"""What a rule says about one candidate on one device."""

from dataclasses import dataclass
from typing import Literal

SupportLevel = Literal["native", "emulated", "unsupported", "missing-package"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A level with its reason, the way out where there is one, and where the fact can be checked."""

    level: SupportLevel
    reason: str
    remedy: str | None = None
    source: str | None = None
