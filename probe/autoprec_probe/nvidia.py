"""NVIDIA's architectures by compute capability.

Source: NVIDIA, "CUDA GPU Compute Capability", https://developer.nvidia.com/cuda-gpus. The enumeration of NVML is
coarser: it has one Blackwell where 10.0, 10.3, 11.0 and 12.x differ in what they compute natively.
"""

ARCHITECTURES: dict[tuple[int, int], str] = {
    (3, 0): "kepler",
    (3, 2): "kepler",
    (3, 5): "kepler",
    (3, 7): "kepler",
    (5, 0): "maxwell",
    (5, 2): "maxwell",
    (5, 3): "maxwell",
    (6, 0): "pascal",
    (6, 1): "pascal",
    (6, 2): "pascal",
    (7, 0): "volta",
    (7, 2): "volta",
    (7, 5): "turing",
    (8, 0): "ampere",
    (8, 6): "ampere",
    (8, 7): "ampere",
    (8, 9): "ada",
    (9, 0): "hopper",
    (10, 0): "blackwell",
    (10, 3): "blackwell-ultra",
    (11, 0): "blackwell-thor",
    (12, 0): "blackwell-rtx",
    (12, 1): "blackwell-rtx",
}


def lowest_capability(architecture: str | None) -> tuple[int, int] | None:
    """Return the lowest compute capability of an architecture: what can be relied on if only its name is known."""
    return next((capability for capability, name in ARCHITECTURES.items() if name == architecture), None)
