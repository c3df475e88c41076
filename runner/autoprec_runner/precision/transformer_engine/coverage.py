"""How much of a model's linear work runs in FP8, and why the rest does not."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from autoprec_runner.precision.transformer_engine.emulation import EmulatedLinear
from autoprec_runner.precision.transformer_engine.library import is_foreign_layer

_MATRIX = 2
_NAMED = 3
"""Layers that a sentence names before it counts the others."""


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A layer that stays as it was."""

    name: str
    reason: str
    weights: int
    """The number of its weights: two floating-point operations each, for every row of the input."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What runs in FP8 and what does not.

    The work of a linear layer is taken as proportional to its weights, as if all layers saw the same rows; a layer that
    is used under two names counts twice. Convolutions and the products inside an attention depend on the input and are
    not counted.
    """

    quantized_weights: int
    skipped: tuple[Skipped, ...]

    @property
    def unquantized_share(self) -> float:
        """The share of floating-point operations in linear layers that stays out of FP8; 1 where there are none."""
        left = sum(each.weights for each in self.skipped)
        return left / (left + self.quantized_weights) if left + self.quantized_weights else 1.0

    def sentence(self, dtype: str) -> str:
        """Say what stays in `dtype`, how much work that is, and why."""
        named = [f"{each.name or 'the model itself'} ({each.reason})" for each in self.skipped[:_NAMED]]
        if len(self.skipped) > _NAMED:
            named.append(f"and {len(self.skipped) - _NAMED} more")
        return (
            f"{self.unquantized_share:.1%} of the floating-point operations in linear layers stay in {dtype}: "
            f"{', '.join(named)}."
        )


def coverage_of(model: nn.Module, multiple: int) -> Coverage:
    """Return the coverage of a converted model, in which dimensions had to be multiples of `multiple`."""
    quantized = 0
    skipped: list[Skipped] = []
    for name, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, EmulatedLinear):
            quantized += module.weight.numel()
        elif is_foreign_layer(module):
            quantized += sum(each.numel() for each in module.parameters(recurse=False) if each.dim() == _MATRIX)
        else:
            skipped.extend(_skipped(name, module, multiple))
    return Coverage(quantized_weights=quantized, skipped=tuple(skipped))


def misfit(layer: nn.Linear, multiple: int) -> str | None:
    """Return why a linear layer cannot compute FP8, None if it can."""
    if type(layer) is not nn.Linear:
        return f"a {type(layer).__name__} may do more than a Linear"
    if "forward" in layer.__dict__ or "_compiled_call_impl" in layer.__dict__:
        return "its forward has been replaced or compiled"
    if set(layer._parameters) != {"weight", "bias"}:  # noqa: SLF001 (there is no public way to see a computed weight)
        return "its weight is computed from other parameters"
    if not layer.weight.is_floating_point():
        return f"its weight is {str(layer.weight.dtype).removeprefix('torch.')}"
    wrong = [
        f"{name}={size}, pad it to {-(-size // multiple) * multiple}"
        for name, size in (("in_features", layer.in_features), ("out_features", layer.out_features))
        if size % multiple
    ]
    return " and ".join(wrong) + f": FP8 takes multiples of {multiple}" if wrong else None


def _skipped(name: str, module: nn.Module, multiple: int) -> Iterator[Skipped]:
    if isinstance(module, nn.Linear):
        reason = misfit(module, multiple) or "left as it was asked to be"
        yield Skipped(name=name, reason=reason, weights=module.weight.numel())
    elif isinstance(module, nn.MultiheadAttention):
        weights = (module.in_proj_weight, module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
        yield Skipped(
            name=name,
            reason="torch computes the projections of a MultiheadAttention outside of any Linear",
            weights=sum(each.numel() for each in weights if each is not None),
        )
