"""Facts as data: accelerators with their memory and peaks, and architectures with what they compute natively."""

from autoprec_probe.catalog.absent import profile_from_key
from autoprec_probe.catalog.accelerator import AcceleratorFacts
from autoprec_probe.catalog.architecture import ArchitectureFacts
from autoprec_probe.catalog.lookup import (
    accelerator_by_key,
    accelerator_by_name,
    accelerators,
    architecture,
    architecture_by_capability,
    architecture_by_target,
    architectures,
)

__all__ = [
    "AcceleratorFacts",
    "ArchitectureFacts",
    "accelerator_by_key",
    "accelerator_by_name",
    "accelerators",
    "architecture",
    "architecture_by_capability",
    "architecture_by_target",
    "architectures",
    "profile_from_key",
]
