"""A model as a row of numbers, and how far two of them are apart."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from autoprec_runner.description import ModelDescription
from autoprec_runner.doctor.traits import WorkloadTraits
from autoprec_runner.prediction.cost import StepCost

Row = NDArray[np.float64]

UNKNOWN_APART = 1.0
"""How far apart two models are in a figure that one of them lacks."""
_UNIT = 2.5
"""The length of a difference in all figures that counts as 1."""
_SHARE = 0.35
"""Which difference in the share of a kind of layer counts as 1."""
_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("attention", ("attention",)),
    ("recurrent", ("lstm", "gru", "rnn")),
    ("embedding", ("embed",)),
    ("normalization", ("norm",)),
    ("linear", ("linear",)),
    ("convolution", ("conv",)),
)
"""Kinds of layers by what the name of a class contains, the first that fits."""
_BIT = 2.0

FEATURES: tuple[str, ...] = (
    "parameters",
    "width",
    "flops",
    "intensity",
    "product",
    *(kind for kind, _ in _KINDS),
    "adaptive",
    "eps",
    "update",
    "largest weight",
)
"""What each column is."""


def features(description: ModelDescription) -> Row:
    """Return the row of a model; NaN where a figure is not known.

    - *parameters*, *flops* (of a step in fp32) and *product* (flops of its mean product): a factor of ten is 1.
    - *width*: the side of the linear layer in which the median weight lies; a factor of four is 1.
    - *intensity*: flops for each byte that a step touches; a factor of three is 1.
    - *kinds of layers*: shares of those that have a kind.
    - *adaptive*, *eps* and *update* (learning rate over the size of a typical weight): how the optimizer rounds.
    """
    step = description.cost.step("32-true") if description.cost else None
    found = {
        "parameters": _decades(description.parameters),
        "width": _width(description.traits) / _BIT,
        **_work(step),
        **_mix(description.layers),
        **_update(description.traits),
    }
    return np.array([found[name] for name in FEATURES], dtype=np.float64)


def distances(row: Row, rows: NDArray[np.float64]) -> Row:
    """Return how far each of many models is from one: 0 for the same figures, about 1 for another behaviour."""
    apart = np.abs(rows - row)
    apart = np.where(np.isnan(apart), UNKNOWN_APART, apart)
    found: Row = np.sqrt(np.square(apart).sum(axis=1)) / _UNIT
    return found


def _work(step: StepCost | None) -> dict[str, float]:
    if step is None:
        return dict.fromkeys(("flops", "intensity", "product"), math.nan)
    touched = sum(each.read_bytes + each.written_bytes for each in step.work)
    products = sum(each.count for each in step.work if each.kind == "product")
    return {
        "flops": _decades(step.flops),
        "intensity": 2 * _decades(step.flops / touched) if touched else math.nan,
        "product": _decades(step.flops / products) if products else math.nan,
    }


def _mix(layers: Mapping[str, int]) -> dict[str, float]:
    counts = dict.fromkeys((kind for kind, _ in _KINDS), 0)
    for name, count in layers.items():
        kind = _kind(name)
        if kind is not None:
            counts[kind] += count
    total = sum(counts.values())
    return {kind: count / total / _SHARE if total else math.nan for kind, count in counts.items()}


def _kind(name: str) -> str | None:
    if name == "Conv1D":  # transformers calls a linear layer so
        return "linear"
    lowered = name.lower()
    return next((kind for kind, parts in _KINDS if any(part in lowered for part in parts)), None)


def _width(traits: WorkloadTraits | None) -> float:
    """Return the logarithm to base 2 of the smaller side of the linear layer that holds the median weight."""
    if traits is None or not traits.linears:
        return math.nan
    sides = sorted((min(each.in_features, each.out_features), each.weights) for each in traits.linears)
    half, seen = sum(weights for _, weights in sides) / 2, 0
    for side, weights in sides:
        seen += weights
        if seen >= half:
            return math.log2(side) if side > 0 else math.nan
    return math.nan


def _update(traits: WorkloadTraits | None) -> dict[str, float]:
    names = ("adaptive", "eps", "update", "largest weight")
    if traits is None:
        return dict.fromkeys(names, math.nan)
    largest = _decades(traits.weights.largest)
    group = max(traits.groups, key=lambda each: each.parameters, default=None)
    if group is None:
        return dict.fromkeys(names, 0.0) | {"largest weight": largest}
    typical = traits.weights.typical
    rate = group.learning_rate
    ratio = rate / typical if rate is not None and typical else math.nan
    return {
        "adaptive": float(group.adaptive),
        "eps": _decades(group.eps) / 4 if group.adaptive and group.eps is not None else 0.0,
        "update": 2 * _decades(ratio),
        "largest weight": largest,
    }


def _decades(value: float) -> float:
    """Return the logarithm to base 10; NaN for what has none."""
    return math.log10(value) if 0 < value < math.inf else math.nan


def matrix(rows: Iterable[Row]) -> NDArray[np.float64]:
    """Return rows one below the other."""
    found = list(rows)
    return np.vstack(found) if found else np.empty((0, len(FEATURES)))
