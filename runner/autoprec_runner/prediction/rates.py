"""How fast a device is, as far as a prediction needs it, from measurements or from data sheets (free of torch)."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from autoprec_probe.candidate import Device, MatmulPrecision
from autoprec_probe.profile import MeasuredRate

RateBasis = Literal["measured", "catalogue", "estimated"]
"""Where rates come from: measured on the device, a data sheet, or the instruction set alone."""

Format = tuple[str, MatmulPrecision]
"""A dtype, and what float32 products may use inside; `highest` for every other dtype."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Rates of one device. What is missing is not known, and nothing stands in for it."""

    device: Device
    basis: RateBasis
    tflops: Mapping[Format, float]
    """10^12 multiplications and additions of products a second."""
    copies: tuple[tuple[float, float], ...]
    """Pairs of touched bytes and 10^9 bytes a second, the smallest first: what fits into a cache is copied faster."""
    launch_seconds: float | None = None
    """What starting the smallest operation takes."""
    product_launch_seconds: Mapping[str, float] = field(default_factory=dict)
    """What starting a product takes that goes to its library and to several threads, by dtype."""
    memory_bytes: int | None = None
    """What the device has, or what this process may use of it."""

    def product_rate(self, dtype: str, matmul_precision: MatmulPrecision) -> float | None:
        """Return flops a second of products in a dtype; None if it is not known."""
        lower = matmul_precision if dtype == "float32" else "highest"
        found = self.tflops.get((dtype, lower))
        return None if found is None else found * 1e12

    def copy_rate(self, touched_bytes: float) -> float:
        """Return bytes a second for an operation that touches so many, on a line through the logarithms between."""
        below = [each for each in self.copies if each[0] <= touched_bytes]
        above = [each for each in self.copies if each[0] > touched_bytes]
        if not below or not above:
            return 1e9 * (above[0] if above else below[-1])[1]
        (small, fast), (large, slow) = below[-1], above[0]
        share = math.log(touched_bytes / small) / math.log(large / small)
        return 1e9 * math.exp((1 - share) * math.log(fast) + share * math.log(slow))


def measured_rates(
    rates: Iterable[MeasuredRate],
    device: Device,
    *,
    memory_bytes: int | None,
) -> Rates | None:
    """Return the rates of a device from what was measured; None if products in fp32 or copies were not."""
    own = [each for each in rates if each.device == device]
    tflops = {(each.dtype, each.matmul_precision): each.tflops for each in own if each.tflops}
    copies: dict[float, list[float]] = {}
    for each in own:
        if each.operation == "copy" and each.gbytes_per_second and each.touched_bytes:
            copies.setdefault(each.touched_bytes, []).append(each.gbytes_per_second)
    if ("float32", "highest") not in tflops or not copies:
        return None
    launches = [each.seconds for each in own if each.operation == "launch" and each.seconds]
    return Rates(
        device=device,
        basis="measured",
        tflops=tflops,
        copies=tuple((touched, max(found)) for touched, found in sorted(copies.items())),
        launch_seconds=min(launches, default=None),
        product_launch_seconds=_product_launches(own),
        memory_bytes=memory_bytes,
    )


def _product_launches(rates: Iterable[MeasuredRate]) -> dict[str, float]:
    """Return the start of the larger of the launched products, by dtype."""
    found = sorted((each for each in rates if each.operation == "launch"), key=lambda each: each.touched_bytes or 0)
    return {each.dtype: each.seconds for each in found if each.seconds}
