"""NVIDIA's architectures by compute capability, as the catalogue has them.

The enumeration of NVML is coarser: it has one Blackwell where 10.0, 10.3, 11.0 and 12.x differ in what they compute
natively.
"""

from autoprec_probe.catalog.load import built_in_architectures

Capability = tuple[int, int]

ARCHITECTURES: dict[Capability, str] = dict(
    sorted((each, row.name) for row in built_in_architectures() for each in row.compute_capabilities)
)


def lowest_capability(architecture: str | None) -> Capability | None:
    """Return the lowest compute capability of an architecture: what can be relied on if only its name is known."""
    return next((capability for capability, name in ARCHITECTURES.items() if name == architecture), None)
