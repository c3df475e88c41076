"""NVIDIA's architectures by compute capability, as the catalogue has them.

The enumeration of NVML is coarser: it has one Blackwell where 10.0, 10.3, 11.0 and 12.x differ in what they compute
natively.
"""

from autoprec_probe.catalog.load import built_in_architectures

Capability = tuple[int, int]

ARCHITECTURES: dict[Capability, str] = dict(
    sorted((each, row.name) for row in built_in_architectures() for each in row.compute_capabilities)
)


_SAID_OF_SEVERAL: dict[str, Capability] = {"blackwell": (12, 0)}
"""NVML and nvidia-smi say Blackwell of 10.0 to 12.1, and 12.0 has what all of them have: no MXFP8, for one."""


def lowest_capability(architecture: str | None) -> Capability | None:
    """Return a compute capability that can be relied on if only the name of an architecture is known."""
    if architecture in _SAID_OF_SEVERAL:
        return _SAID_OF_SEVERAL[architecture]
    return next((capability for capability, name in ARCHITECTURES.items() if name == architecture), None)
