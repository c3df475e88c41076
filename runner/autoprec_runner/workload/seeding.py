"""Random numbers that are the same in every process, without disturbing anybody else's."""

import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch


def kept_generators() -> AbstractContextManager[None]:
    """Restore torch's generators afterwards: the CPU's, and the current CUDA device's where CUDA is in use.

    Asking every device would start CUDA on all of them.
    """
    return torch.random.fork_rng(devices=[torch.cuda.current_device()] if _uses_cuda() else [])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the generators of Python, NumPy and torch inside, and restore them at the end."""
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 (user code draws from it)
    with kept_generators():
        try:
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002 (user code draws from it)
            torch.manual_seed(seed)
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002 (user code draws from it)


def _uses_cuda() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
