"""How many multiprocessors a device has: NVML tells only their CUDA cores.

Source: NVIDIA/cuda-samples, `Common/helper_cuda.h` (`_ConvertSMVer2Cores`).
"""

_CORES_OF_ONE: dict[tuple[int, int], int] = {
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
    (10, 1): 128,
    (10, 3): 128,
    (11, 0): 128,
    (12, 0): 128,
    (12, 1): 128,
}
"""CUDA cores of one multiprocessor, by compute capability."""


def multiprocessors(cuda_cores: int | None, capability: tuple[int, int] | None) -> int | None:
    """Return the number of multiprocessors, None where cores or capability are not known."""
    of_one = None if capability is None else _CORES_OF_ONE.get(capability)
    return None if cuda_cores is None or of_one is None else cuda_cores // of_one
