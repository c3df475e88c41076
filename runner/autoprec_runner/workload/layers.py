"""The layers through which data enters a model."""

import inspect
from collections.abc import Iterator

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

WHOLE = (
    nn.MultiheadAttention,
    nn.RNNBase,
    nn.Transformer,
    nn.TransformerDecoder,
    nn.TransformerDecoderLayer,
    nn.TransformerEncoder,
    nn.TransformerEncoderLayer,
)
"""Modules of torch that are one layer to their user although they hold others."""


def layers(model: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the layers that hold parameters with their names, in the order in which the model registered them."""
    children = dict(model.named_children())
    if isinstance(model, WHOLE) or not children or is_parametrized(model):
        if next(model.parameters(), None) is not None:
            yield name, model
        return
    for key, child in children.items():
        yield from layers(child, f"{name}.{key}" if name else key)


def first_layer_text(model: nn.Module) -> str:
    """Return the first layer as text, such as `Linear(in_features=20, out_features=64, bias=True) (encoder.0)`."""
    for name, layer in layers(model):
        text = f"{type(layer).__name__}({layer.extra_repr()})"
        return f"{text} ({name})" if name else text
    return f"{type(model).__name__} (no layer with parameters)"


def positional_parameters(model: nn.Module) -> list[inspect.Parameter]:
    """Return the parameters of the model's forward that may be given by position, without `*args`.

    A scripted or traced forward tells no signature: it counts as one of `*args`.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except ValueError:
        return []
    return [each for each in parameters if each.kind in kinds]


def required_inputs(model: nn.Module) -> int:
    """Return how many inputs the model's forward cannot do without; 0 for a forward of `*args` or defaults alone."""
    return sum(each.default is each.empty for each in positional_parameters(model))
