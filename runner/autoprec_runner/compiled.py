"""Whether a model is compiled."""

import sys

from torch import nn


def holds_compiled(module: nn.Module) -> bool:
    """Return whether a part of a model has been given to `torch.compile`, or compiled in place."""
    # Without this module loaded, nothing has been compiled; importing it would take seconds.
    frames = sys.modules.get("torch._dynamo.eval_frame")
    wrapper = getattr(frames, "OptimizedModule", ())
    return any("_compiled_call_impl" in each.__dict__ or isinstance(each, wrapper) for each in module.modules())
