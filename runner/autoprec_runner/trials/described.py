"""An exception of a workload as the status of its trial and a sentence."""

import re
import traceback

import torch

from autoprec_runner.errors import PrecisionError, WorkloadError
from autoprec_runner.trials.failure import shortened

_OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|bad_alloc|Cannot allocate memory", re.IGNORECASE
)
_NO_KERNEL = re.compile(
    r"not implemented for '(Half|BFloat16|Double|Float8\w+)'|does(n't| not) support (Half|BFloat16)|"
    r"FP8 execution requires"  # Transformer Engine, of batches whose rows do not fit
    r"|could not create a primitive"  # oneDNN, for a layer that it does not have in this dtype
)
_TRACE_FRAMES = 4


def described(error: BaseException) -> dict[str, str]:
    """Return the trial status and the sentence for an exception of the workload."""
    culprits = [each for each in (error, error.__cause__) if _is_out_of_memory(each)]
    text = shortened(f"{type(error).__name__}: {error}")
    if culprits:
        message = shortened(f"{type(culprits[0]).__name__}: {culprits[0]}").splitlines()[0]
        return {"status": "oom", "kind": "memory", "message": message}
    if isinstance(error, WorkloadError):
        return {"status": "error", "kind": "workload", "message": str(error)}
    if isinstance(error, PrecisionError) or _NO_KERNEL.search(text):
        return {"status": "unsupported", "kind": "precision", "message": text.splitlines()[0]}
    frames = traceback.format_tb(error.__traceback__)[-_TRACE_FRAMES:]
    return {"status": "error", "kind": "raised", "message": text, "trace": "".join(frames)}


def _is_out_of_memory(error: BaseException | None) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and _OUT_OF_MEMORY.search(str(error)) is not None
