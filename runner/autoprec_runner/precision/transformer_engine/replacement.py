"""Putting other layers in the place of `torch.nn` layers, with everything else as it was."""

import weakref
from collections.abc import Iterable
from typing import Any

from torch import nn

from autoprec_runner.precision.transformer_engine.coverage import misfit
from autoprec_runner.precision.transformer_engine.emulation import EmulatedLinear, emulate
from autoprec_runner.precision.transformer_engine.float8 import ScalingRecipe
from autoprec_runner.precision.transformer_engine.library import TransformerEngine, is_foreign_layer

_HOOK_TABLES = tuple(name for name in nn.Module().__dict__ if "hook" in name)
"""Where `torch.nn.Module` keeps hooks: forward, backward, state dict."""


def is_converted(model: nn.Module) -> bool:
    """Return whether a model holds FP8 layers already, its author's or ours: then it is left as it is."""
    return any(isinstance(each, EmulatedLinear) or is_foreign_layer(each) for each in model.modules())


def emulate_layers(model: nn.Module, recipe: ScalingRecipe, multiple: int) -> None:
    """Turn the linear layers of a model that would run in FP8 into emulated ones, in place."""
    for module in model.modules():
        if isinstance(module, nn.Linear) and misfit(module, multiple) is None:
            emulate(module, recipe)


def replace_layers(model: nn.Module, library: TransformerEngine, multiple: int) -> nn.Module:
    """Put Transformer Engine's layers in the place of torch's, and return the model, which may itself be such a layer.

    The parameters stay the same objects, so that optimizers, tied weights and frozen ones keep them. A layer that is
    used in several places stays one layer.
    """
    replaced = {
        module: new for module in model.modules() if (new := _replacement(module, library, multiple)) is not None
    }
    for parent in tuple(model.modules()):
        for name, child in parent._modules.items():  # noqa: SLF001 (named_children() leaves second names out)
            if child in replaced:
                parent.add_module(name, replaced[child])
    return replaced.get(model, model)


def _replacement(module: nn.Module, library: TransformerEngine, multiple: int) -> nn.Module | None:
    if isinstance(module, nn.Linear):
        return _dressed(library.linear(module), module) if misfit(module, multiple) is None else None
    if isinstance(module, nn.LayerNorm):
        return _dressed(library.layer_norm(module), module) if _is_plain(module) else None
    return None


def _is_plain(layer: nn.LayerNorm) -> bool:
    """Return whether Transformer Engine has this layer: it knows none without a weight or without a bias."""
    affine = all(each is not None for each in layer._parameters.values())  # noqa: SLF001 (also where they are computed)
    return type(layer) is nn.LayerNorm and affine and "forward" not in layer.__dict__


def _dressed(new: nn.Module, old: nn.Module) -> nn.Module:
    """Give a new layer the parameters, buffers and children, the mode, the hooks and the attributes of the old one."""
    for name, parameter in old.named_parameters(recurse=False):
        setattr(new, name, parameter)
    for name, buffer in old.named_buffers(recurse=False):
        persistent = name not in old._non_persistent_buffers_set  # noqa: SLF001 (there is no public way to tell)
        new.register_buffer(name, buffer, persistent=persistent)
    for name, child in old.named_children():
        new.add_module(name, child)
    new.training = old.training
    for name in _HOOK_TABLES:
        table: Any = old.__dict__[name]
        # The table itself moves over: a handle that removes its hook later, removes it from this table.
        if isinstance(table, dict):
            table.update(new.__dict__[name])
            _redirect(table.values(), new)
        new.__dict__[name] = table
    for name, value in old.__dict__.items():
        new.__dict__.setdefault(name, value)
    return new


def _redirect(hooks: Iterable[Any], module: nn.Module) -> None:
    """Have hooks that torch hands their module, by a weak reference of its own, receive the new one."""
    for hook in hooks:
        if getattr(hook, "with_module", False):
            hook.module = weakref.ref(module)
