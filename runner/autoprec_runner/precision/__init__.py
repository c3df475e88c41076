"""What each precision does to a model, its inputs, its gradients and its optimizer."""

from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.bitsandbytes import BitsandbytesPrecision, eight_bit_optimizer
from autoprec_runner.precision.conversion import convert_tensors, move_to_device
from autoprec_runner.precision.double import DoublePrecision
from autoprec_runner.precision.half import HalfPrecision
from autoprec_runner.precision.mixed import MixedPrecision
from autoprec_runner.precision.resolve import resolve_precision
from autoprec_runner.precision.transformer_engine import TransformerEnginePrecision
from autoprec_runner.precision.weights import weight_bytes

__all__ = [
    "BitsandbytesPrecision",
    "DoublePrecision",
    "HalfPrecision",
    "MixedPrecision",
    "Precision",
    "TransformerEnginePrecision",
    "convert_tensors",
    "eight_bit_optimizer",
    "move_to_device",
    "resolve_precision",
    "weight_bytes",
]
