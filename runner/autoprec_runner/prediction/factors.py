"""What separates data sheets and micro-benchmarks from the steps of real models: a few numbers for each kind of device.

They were fitted once to the ratios of predicted to measured steps that `benchmarks/prediction.py` prints, over all its
models together; none is for one model. They are no facts of hardware, and the spread says how far off they leave us.
"""

from dataclasses import dataclass

from autoprec_probe.candidate import Device
from autoprec_runner.prediction.cost import Kind
from autoprec_runner.prediction.rates import RateBasis


@dataclass(frozen=True, kw_only=True)
class Factors:
    """How real steps relate to rates."""

    product_share: float
    """Share of the rate of large square products that a model's own products reach."""
    copy_share: float
    """Share of the rate of a plain copy that other operations reach."""
    launches: float
    """What starting an operation of a model takes, in launches of a product: Python and autograd are in it."""
    waste: float
    """Share of gradients, activations and temporary memory that the allocator holds beyond them, in pieces that nothing
    fits into; an accelerator's peaks are counted without it."""
    surroundings_bytes: int
    """What libraries allocate for themselves during the first steps."""


_CPU = Factors(product_share=0.7, copy_share=0.8, launches=3.0, waste=0.25, surroundings_bytes=8 * 2**20)
_ACCELERATOR = Factors(product_share=0.6, copy_share=0.75, launches=1.5, waste=0.0, surroundings_bytes=0)

INSTRUCTIONS: dict[Kind, float] = {
    "product": 0.0,
    "pointwise": 4.0,
    "function": 40.0,
    "normalization": 60.0,
    "movement": 2.0,
    "gather": 8.0,
    "random": 60.0,
}
"""Cost of one element, in flops of fp32 products: where there is no memory to wait for, arithmetic decides."""

STEP_SPREAD: dict[RateBasis, float] = {"measured": 1.8, "catalogue": 4.2, "estimated": 5.0}
"""By which factor nine of ten measured step times are within the predicted one. The first is what the benchmark showed
on an idle machine (`benchmarks/prediction.py`); the others have no measurement behind them."""
SPEEDUP_SPREAD: dict[RateBasis, float] = {"measured": 2.0, "catalogue": 2.2, "estimated": 2.5}
"""The same for the ratio of two precisions."""
MEMORY_SPREAD: dict[RateBasis, float] = {"measured": 1.4, "catalogue": 1.4, "estimated": 1.4}
"""The same for peak memory, measured on a CPU, where libraries and the allocator take the most of what is uncertain."""


def factors_of(device: Device) -> Factors:
    """Return the factors of a kind of device."""
    return _CPU if device == "cpu" else _ACCELERATOR
