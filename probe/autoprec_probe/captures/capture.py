"""What one file tells of the machine that it was written on, and the registry of formats that can be read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autoprec_probe.profile import Accelerator

UNKNOWN = "unknown"
"""What stands for a text that a profile must have and no file tells."""


@dataclass(frozen=True, kw_only=True)
class Capture:
    """A partial answer: what one file tells. Several of one machine add up to a profile."""

    system: str | None = None
    cpu: dict[str, Any] = field(default_factory=dict)
    """Fields of `Cpu` that the file tells."""
    accelerators: tuple[Accelerator, ...] = ()
    software: dict[str, Any] = field(default_factory=dict)
    """Fields of `Software` that the file tells, its `packages` apart."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of file."""

    name: str
    """As a user calls it, such as ``nvidia-smi -q``."""
    recognizes: Callable[[str], bool]
    """Whether a text looks like this format; cheap, and never an error."""
    parse: Callable[[str], Capture]
    """Read a recognized text; raises `CaptureError` where it is truncated or garbled."""
