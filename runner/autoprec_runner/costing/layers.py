"""Which layers a model is made of."""

from collections import Counter

from torch import nn


def layer_counts(model: nn.Module) -> dict[str, int]:
    """Return how many layers there are of each class, by the name of the class.

    A layer is a module without parts, or one with parameters of its own beside them, such as an attention. One that is
    used under several names counts once.
    """
    found = (each for each in model.modules() if _is_layer(each))
    return dict(sorted(Counter(type(each).__name__ for each in found).items()))


def _is_layer(module: nn.Module) -> bool:
    has_parts = next(module.children(), None) is not None
    return not has_parts or next(module.parameters(recurse=False), None) is not None
