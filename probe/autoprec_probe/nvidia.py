"""NVIDIA's architectures by compute capability.

Source: NVIDIA, "CUDA GPU Compute Capability", https://developer.nvidia.com/cuda-gpus. The enumeration of NVML is
coarser: it has one Blackwell where 10.0, 10.3, 11.0 and 12.x differ in what they compute natively.
"""

Capability = tuple[int, int]

ARCHITECTURES: dict[Capability, str] = {
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


CORES_PER_MULTIPROCESSOR: dict[Capability, int] = {
    (3, 0): 192,
    (3, 2): 192,
    (3, 5): 192,
    (3, 7): 192,
    (5, 0): 128,
    (5, 2): 128,
    (5, 3): 128,
    (6, 0): 64,
    (6, 1): 128,
    (6, 2): 128,
    (7, 0): 64,
    (7, 2): 64,
    (7, 5): 64,
    (8, 0): 64,
    (8, 6): 128,
    (8, 7): 128,
    (8, 9): 128,
    (9, 0): 128,
    (10, 0): 128,
    (10, 3): 128,
    (11, 0): 128,
    (12, 0): 128,
    (12, 1): 128,
}
"""CUDA cores of one multiprocessor. Source: NVIDIA/cuda-samples, `Common/helper_cuda.h` (`_ConvertSMVer2Cores`)."""


def lowest_capability(architecture: str | None) -> Capability | None:
    """Return the lowest compute capability of an architecture: what can be relied on if only its name is known."""
    return next((capability for capability, name in ARCHITECTURES.items() if name == architecture), None)


def sole_capability(architecture: str | None) -> Capability | None:
    """Return the compute capability of an architecture that has only one, as Turing does and Ampere does not.

    Tools print one `Blackwell` for all of 10.x to 12.x, so that this word tells no capability.
    """
    found = [capability for capability, name in ARCHITECTURES.items() if architecture_family(name) == architecture]
    return found[0] if len(found) == 1 else None


def architecture_family(architecture: str) -> str:
    """Return an architecture's name as NVIDIA's tools print it: `blackwell` for `blackwell-rtx`."""
    return architecture.partition("-")[0]
