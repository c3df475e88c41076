"""What each precision does to a model, its inputs, its gradients and its optimizer."""

import importlib
from typing import TYPE_CHECKING, Any

from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.bitsandbytes import BitsandbytesPrecision, eight_bit_optimizer
from autoprec_runner.precision.conversion import convert_tensors, move_to_device
from autoprec_runner.precision.double import DoublePrecision
from autoprec_runner.precision.half import HalfPrecision
from autoprec_runner.precision.mixed import MixedPrecision
from autoprec_runner.precision.resolve import resolve_precision
from autoprec_runner.precision.transformer_engine import TransformerEnginePrecision
from autoprec_runner.precision.weights import weight_bytes

if TYPE_CHECKING:
    from autoprec_runner.precision.deepspeed import DeepSpeedPrecision
    from autoprec_runner.precision.fsdp import FSDPPrecision
    from autoprec_runner.precision.xla import XLAPrecision

__all__ = [
    "BitsandbytesPrecision",
    "DeepSpeedPrecision",
    "DoublePrecision",
    "FSDPPrecision",
    "HalfPrecision",
    "MixedPrecision",
    "Precision",
    "TransformerEnginePrecision",
    "XLAPrecision",
    "convert_tensors",
    "eight_bit_optimizer",
    "move_to_device",
    "resolve_precision",
    "weight_bytes",
]

_LAZY = {
    "DeepSpeedPrecision": "autoprec_runner.precision.deepspeed",
    "FSDPPrecision": "autoprec_runner.precision.fsdp",
    "XLAPrecision": "autoprec_runner.precision.xla",
}
"""Plugins for strategies that most users do without; torch's FSDP takes a second to import."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
