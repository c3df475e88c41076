"""How far two kinds of hardware are apart, by what their units compute and how fast they are beside each other."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from autoprec_probe.candidate import Candidate
from autoprec_probe.catalog import architecture
from autoprec_service.advice.machines import KnownMachine, machine_by_key

_PRECISIONS = ("bf16-mixed", "16-mixed", "64-true")
"""What is asked of the probe: whether bfloat16, float16 and float64 are native, emulated or refused."""
_FORMATS = {"bfloat16": 2.0, "float16": 2.0, "float64": 8.0}
"""Formats whose rates are compared, and by how many doublings of the rate two machines differ by 1."""
_OTHER_KIND = 4.0
"""Between a CPU and a GPU, whatever their figures."""
_OTHER_VENDOR, _OTHER_ARCHITECTURE, _OTHER_LEVEL, _OTHER_FORMAT = 0.5, 0.4, 1.5, 0.1
_UNKNOWN_APART = 0.5
_NOT_A_RATE = -2.0
"""What stands for the logarithm of a rate, over that of fp32, of a format that nothing computes natively."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HardwareFeatures:
    """What a kind of hardware is compared by."""

    kind: str
    vendor: str | None
    architecture: str | None
    levels: tuple[str, ...]
    """The probe's verdicts on bfloat16, float16 and float64."""
    matrix: frozenset[str]
    """What its matrix units multiply, by the catalogue."""
    figures: NDArray[np.float64]
    """Rates of half and double precision over that of fp32, then fp32's and how many flops there are for a byte."""


def hardware_features(machine: KnownMachine) -> HardwareFeatures | None:
    """Return what a machine is compared by; None for one of which nothing is known."""
    profile = machine.profile
    if profile is None:
        return None
    device = next((each for each in profile.accelerators if each.kind == machine.device and each.error is None), None)
    name = device.architecture if device else profile.cpu.microarchitecture
    row = architecture(name) if device and name else None
    verdicts = (machine.verdict(Candidate(precision=each)) for each in _PRECISIONS)
    return HardwareFeatures(
        kind=machine.device,
        vendor=device.vendor if device else None,
        architecture=name,
        levels=tuple(each.level if each else "unknown" for each in verdicts),
        matrix=frozenset(row.matrix) if row else frozenset(),
        figures=_figures(machine),
    )


def hardware_distance(one: HardwareFeatures, other: HardwareFeatures) -> float:
    """Return 0 for hardware that computes alike, about 1 for another behaviour, and more for another kind."""
    apart = _OTHER_KIND if one.kind != other.kind else 0.0
    apart += _OTHER_VENDOR * (one.vendor != other.vendor)
    apart += _OTHER_ARCHITECTURE * _differ(one.architecture, other.architecture)
    apart += _OTHER_LEVEL * sum(ours != theirs for ours, theirs in zip(one.levels, other.levels, strict=True))
    apart += _OTHER_FORMAT * len(one.matrix ^ other.matrix)
    difference = np.abs(one.figures - other.figures)
    difference = np.where(np.isnan(difference), _UNKNOWN_APART, difference)
    return apart + float(np.sqrt(np.square(difference).sum()))


@lru_cache(maxsize=65_536)
def distance_of_keys(one: str, other: str) -> float:
    """Return how far the hardware of two keys is apart; infinite where one of them is in no catalogue."""
    if one == other:
        return 0.0
    found = features_of_key(one), features_of_key(other)
    return math.inf if found[0] is None or found[1] is None else hardware_distance(found[0], found[1])


@lru_cache(maxsize=4096)
def features_of_key(key: str) -> HardwareFeatures | None:
    """Return what the hardware of a key is compared by."""
    return hardware_features(machine_by_key(key))


def _differ(one: str | None, other: str | None) -> bool:
    """Tell whether two names differ that are both known."""
    return one is not None and other is not None and one != other


def _figures(machine: KnownMachine) -> NDArray[np.float64]:
    rates = machine.rates
    float32 = rates.product_rate("float32", "highest") if rates else None
    if rates is None or float32 is None:
        return np.full(len(_FORMATS) + 2, math.nan)
    products = {each: rates.product_rate(each, "highest") for each in _FORMATS}
    relative = [math.log2(rate / float32) / _FORMATS[each] if rate else _NOT_A_RATE for each, rate in products.items()]
    balance = float32 / rates.copy_rate(2.0**28)
    return np.array([*relative, math.log10(float32) / 2, math.log10(balance)])
