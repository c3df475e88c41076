"""Which Linear layers of a model are quantized, and why others are not."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from torch import nn


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Layers by their first name."""

    chosen: dict[str, nn.Linear] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()


def select(
    model: nn.Module,
    ignored: Collection[str],
    *,
    freezes: bool,
    unfit: Callable[[nn.Linear], str | None],
) -> Selection:
    """Choose every layer whose class is `torch.nn.Linear` itself and whose weight nobody else reads.

    Args:
        model: Searched through, itself included.
        ignored: Qualified names; a layer at or below one of them stays.
        freezes: Whether quantized weights cannot be trained. Then a trainable layer beside frozen ones is an adapter
            and stays.
        unfit: Says why the hardware does better with a layer as it is, or None. Asked last, and not heeded where
            nothing else could be quantized.
    """
    names: dict[nn.Module, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        names.setdefault(module, []).append(name)
    layers = [module for module in names if isinstance(module, nn.Linear)]
    reasons: dict[nn.Module, str] = {}
    for layer in layers:
        reason = _by_name(names[layer], ignored) or _by_nature(layer)
        if reason is not None:
            reasons[layer] = reason
    if freezes:
        _keep_adapters([layer for layer in layers if layer not in reasons], reasons)
    _keep_shared(names, layers, reasons)
    fit = [layer for layer in layers if layer not in reasons]
    misfits: dict[nn.Module, str] = {each: reason for each in fit if (reason := unfit(each)) is not None}
    if len(misfits) < len(fit):
        reasons |= misfits
        _keep_shared(names, layers, reasons)
    return Selection(
        chosen={_shown(names[layer]): layer for layer in layers if layer not in reasons},
        kept={_shown(names[layer]): reasons[layer] for layer in layers if layer in reasons},
        unmatched=tuple(
            sorted(
                each for each in ignored if not any(_is_at(name, each) for every in names.values() for name in every)
            ),
        ),
    )


def _by_name(names: list[str], ignored: Collection[str]) -> str | None:
    found = next((each for each in sorted(ignored) if any(_is_at(name, each) for name in names)), None)
    return None if found is None else f"ignored by {found!r}"


def _is_at(name: str, ignored: str) -> bool:
    """Whether a module is the ignored one or below it: `h` is not at `head`."""
    return name == ignored or name.startswith(f"{ignored}.")


def _by_nature(layer: nn.Linear) -> str | None:
    if type(layer) is not nn.Linear:
        return f"a {type(layer).__name__}, whose weight its owner may read directly"
    if "forward" in layer.__dict__:
        return "its forward was replaced on the instance"
    weight = layer._parameters.get("weight")  # noqa: SLF001 (`layer.weight` may be computed)
    if weight is None:
        return "its weight is computed from other parameters"
    if type(weight) is not nn.Parameter:
        return f"its weight is a {type(weight).__name__}"
    return None


def _keep_adapters(layers: list[nn.Linear], reasons: dict[nn.Module, str]) -> None:
    if all(layer.weight.requires_grad for layer in layers):
        return
    for layer in layers:
        if layer.weight.requires_grad:
            reasons[layer] = "trainable while others are frozen, as an adapter is"


def _keep_shared(names: dict[nn.Module, list[str]], layers: list[nn.Linear], reasons: dict[nn.Module, str]) -> None:
    """Keep a layer whose weight also belongs to a module that is not quantized, which could not read it."""
    quantized = {layer for layer in layers if layer not in reasons}
    owners: dict[int, list[nn.Module]] = {}
    for module in names:
        for parameter in module._parameters.values():  # noqa: SLF001 (parameters() hides sharing)
            if parameter is not None:
                owners.setdefault(id(parameter), []).append(module)
    for layer in tuple(quantized):
        others = [each for each in owners[id(layer.weight)] if each not in quantized]
        if others:
            reasons[layer] = f"its weight is that of `{_shown(names[others[0]])}` too, which is not quantized"


def _shown(names: list[str]) -> str:
    return names[0] or "the model itself"
