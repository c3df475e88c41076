"""Weights of Linear layers quantized to 4 or 8 bit by bitsandbytes."""

from autoprec_runner.precision.bitsandbytes.conversion import Conversion
from autoprec_runner.precision.bitsandbytes.modes import MODES, Mode
from autoprec_runner.precision.bitsandbytes.optimizers import eight_bit_optimizer
from autoprec_runner.precision.bitsandbytes.plugin import BitsandbytesPrecision

__all__ = ["MODES", "BitsandbytesPrecision", "Conversion", "Mode", "eight_bit_optimizer"]
