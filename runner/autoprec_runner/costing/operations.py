"""What one operation of torch's dispatcher does: its kind, its multiplications, the bytes that it reads and writes.

Shapes in formulas: products [M, K] x [K, N] take 2·M·N·K multiplications and additions. A convolution takes 2·K of them
for each of its outputs, K being the elements of one filter, and its backward as many for each gradient that is wanted.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from autoprec_runner.costing.kinds import KINDS
from autoprec_runner.prediction.cost import Kind

_NAMESPACES = frozenset({"aten", "prim", "profiler"})
_NOTHING = frozenset({"device", "_local_scalar_dense", "empty", "empty_strided", "new_empty", "lift_fresh", "detach_"})
"""Operations that compute nothing: questions, and memory that is not written."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call: what it computes in, how much, and what it moves."""

    kind: Kind
    dtype: str
    flops: float
    elements: float
    read_bytes: float
    written_bytes: float


class UnknownOperationError(Exception):
    """A kernel of some other library, of which only a trial tells what it does."""


def operation(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], result: Any) -> Operation | None:
    """Return what a call does; None if it computes nothing: a view, a question, empty memory.

    Raises:
        UnknownOperationError: It is none of torch's own.
    """
    if function.namespace not in _NAMESPACES:
        raise UnknownOperationError(f"{function} is no operation of torch's own")
    name = function.overloadpacket.__name__
    inputs, outputs = _tensors((arguments, keywords)), _tensors(result)
    mutates = function._schema.is_mutable  # noqa: SLF001 (the dispatcher's own record; there is no public one)
    if name in _NOTHING or not outputs or _is_view(inputs, outputs, mutates=mutates):
        return None
    flops = _flops(name, function, arguments, keywords, result)
    kind: Kind = "product" if flops else KINDS.get(name, "pointwise")
    written = sum(map(_nbytes, outputs))
    return Operation(
        kind=kind,
        dtype=_computed_in(inputs, outputs),
        flops=flops,
        elements=sum(each.numel() for each in outputs),
        # A look-up reads what it returns, not the table.
        read_bytes=written if kind == "gather" else sum(map(_nbytes, inputs)),
        written_bytes=written,
    )


def _tensors(value: Any) -> list[Tensor]:
    return [each for each in tree_leaves(value) if isinstance(each, Tensor)]


def _is_view(inputs: Sequence[Tensor], outputs: Sequence[Tensor], *, mutates: bool) -> bool:
    if mutates:
        return False
    held = {each.untyped_storage()._cdata for each in inputs}  # noqa: SLF001 (data_ptr() is 0 for all of them)
    return all(each.untyped_storage()._cdata in held for each in outputs)  # noqa: SLF001


def _nbytes(tensor: Tensor) -> int:
    """Return what a tensor covers of its storage: an expanded one covers less than it has elements."""
    return min(tensor.numel() * tensor.itemsize, tensor.untyped_storage().nbytes())


def _computed_in(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> str:
    floating = next((each for each in (*inputs, *outputs) if each.is_floating_point()), outputs[0])
    return str(floating.dtype).removeprefix("torch.")


def _flops(name: str, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], result: Any) -> float:
    if name in _FORMULAS:
        return _FORMULAS[name](arguments, result)
    formula = flop_registry.get(function.overloadpacket)
    return float(formula(*arguments, **keywords, out_val=result)) if formula else 0.0


def scratch_bytes(function: Any, arguments: tuple[Any, ...], result: Any) -> int:
    """Return what a convolution on a CPU allocates for itself beside its result.

    In float32 and half precision, oneDNN copies tensors into layouts of its own. In float64, which it does not have,
    torch unfolds the images of the whole batch (ATen/native/ConvolutionMM2d.cpp).
    """
    name = function.overloadpacket.__name__
    if not name.startswith("convolution"):
        return 0
    found = _tensors((arguments, result))
    if found[0].dtype != torch.float64:
        return sum(map(_nbytes, found))
    gradient_or_result = found[0] if name == "convolution_backward" else _tensors(result)[0]
    weight = arguments[2] if name == "convolution_backward" else arguments[1]
    places = gradient_or_result.numel() // gradient_or_result.shape[1]
    return int(places * math.prod(weight.shape[1:]) * weight.itemsize)


def _convolution(arguments: tuple[Any, ...], result: Any) -> float:
    inputs, weight, transposed = arguments[0], arguments[1], arguments[6]
    return float(2 * (inputs if transposed else result).numel() * math.prod(weight.shape[1:]))


def _convolution_backward(arguments: tuple[Any, ...], _: Any) -> float:
    gradient, inputs, weight, transposed, wanted = (arguments[index] for index in (0, 1, 2, 7, 10))
    once = 2 * (inputs if transposed else gradient).numel() * math.prod(weight.shape[1:])
    return float(once * sum(wanted[:2]))


def _attention(arguments: tuple[Any, ...], _: Any) -> float:
    """Return two products: queries [B, H, T, D] with keys [B, H, S, D], and their weights with values."""
    query, key, value = arguments[:3]
    return _attended(query, key, value)


def _attention_backward(arguments: tuple[Any, ...], _: Any) -> float:
    """Return five products: the scores once more, and the gradients of scores, queries, keys and values."""
    return 2.5 * _attended(*arguments[1:4])


def _attended(query: Tensor, key: Tensor, value: Tensor) -> float:
    *heads, tokens, width = query.shape
    return 2.0 * math.prod(heads) * tokens * key.shape[-2] * (width + value.shape[-1])


def _recurrent(arguments: tuple[Any, ...], _: Any) -> float:
    """Return the products of one layer of an LSTM: inputs [T, B, I] and states [B, H] with four gates' weights."""
    inputs, from_input, from_state = arguments[0], arguments[1], arguments[2]
    rows = inputs.numel() // inputs.shape[-1]
    return float(2 * rows * (from_input.numel() + from_state.numel()))


def _recurrent_backward(arguments: tuple[Any, ...], result: Any) -> float:
    return 2.0 * _recurrent(arguments, result)


_FORMULAS: dict[str, Callable[[tuple[Any, ...], Any], float]] = {
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_flash_attention_for_cpu_backward": _attention_backward,
    "mkldnn_rnn_layer": _recurrent,
    "mkldnn_rnn_layer_backward": _recurrent_backward,
}
"""What torch's own table of formulas lacks (CPU kernels), or counts too high (backward of a grouped convolution)."""
