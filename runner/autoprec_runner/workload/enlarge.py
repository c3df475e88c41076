"""A batch with more samples than the user gave: the same ones again."""

from typing import Any

from torch import Tensor

from autoprec_runner.workload.tensors import map_leaves


def enlarged(batch: Any, factor: int, *, rows: int) -> Any:
    """Return a batch in which every tensor with `rows` along its first axis holds them `factor` times.

    Others, such as a mask [T, T], stay what they are.
    """

    def enlarge(leaf: Any) -> Any:
        if isinstance(leaf, Tensor) and leaf.ndim and leaf.shape[0] == rows:
            return leaf.repeat(factor, *(1 for _ in leaf.shape[1:]))
        return leaf

    return map_leaves(batch, enlarge)
