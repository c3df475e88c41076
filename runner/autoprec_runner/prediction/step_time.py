"""The time of a step: each operation takes as long as its arithmetic or its bytes, whichever is longer, and a start.

This is the roofline model of Williams, Waterman and Patterson ("Roofline: an insightful visual performance model",
CACM 52, 2009), applied to the operations of each layer, with what it takes to start one added.
"""

from collections.abc import Iterable

from autoprec_probe.candidate import Candidate
from autoprec_runner.prediction.cost import StepCost, Work
from autoprec_runner.prediction.factors import INSTRUCTIONS, Factors, factors_of
from autoprec_runner.prediction.prediction import TimeParts
from autoprec_runner.prediction.rates import Rates

_DEFAULT_LAUNCH_SECONDS = 5e-6
"""About what starting a kernel takes on a GPU, from Python (NVIDIA's guides speak of 3 to 10 µs)."""
_PARALLEL_ELEMENTS = 32_768
"""From how many elements on ATen uses several threads (at::internal::GRAIN_SIZE)."""
_DOUBLE = 2.0


class UnknownRateError(Exception):
    """A step needs products in a dtype whose rate is not known."""


def time_parts(step: StepCost, rates: Rates, candidate: Candidate) -> TimeParts:
    """Return where the time of a step goes.

    Raises:
        UnknownRateError: The rate of a dtype that it multiplies in is not known.
    """
    clock = _Clock(rates, candidate, factors_of(rates.device))
    update = [each for each in step.work if each.moment == "update"]
    rest = [each for each in step.work if each.moment != "update"]
    return TimeParts(
        products=sum(clock.working(each) for each in _of(rest, "product")),
        movement=sum(clock.working(each) for each in _of(rest, "movement")),
        elementwise=sum(clock.working(each) for each in rest if each.kind not in {"product", "movement"}),
        update=sum(map(clock.working, update)),
        starting=sum(map(clock.starting, step.work)),
    )


def total(parts: TimeParts) -> float:
    """Return the time of the whole step, in seconds."""
    return parts.products + parts.elementwise + parts.movement + parts.update + parts.starting


def _of(work: Iterable[Work], kind: str) -> Iterable[Work]:
    return (each for each in work if each.kind == kind)


class _Clock:
    def __init__(self, rates: Rates, candidate: Candidate, factors: Factors) -> None:
        self._rates, self._candidate, self._factors = rates, candidate, factors

    def working(self, work: Work) -> float:
        """Return the seconds of some work without starting it."""
        touched = work.read_bytes + work.written_bytes
        rate = self._factors.copy_share * self._rates.copy_rate(max(1.0, touched / work.count))
        return max(touched / rate, self._arithmetic(work))

    def starting(self, work: Work) -> float:
        """Return the seconds that starting so many operations takes."""
        general = self._rates.launch_seconds or _DEFAULT_LAUNCH_SECONDS
        return work.count * (self._factors.launches * general + max(0.0, self._library_start(work) - general))

    def _library_start(self, work: Work) -> float:
        """Return what a product takes to start in its library, and large arithmetic on several threads of a CPU."""
        launches = self._rates.product_launch_seconds
        if work.kind == "product":
            return launches.get(work.dtype, 0.0)
        is_parallel = self._rates.device == "cpu" and work.elements >= _PARALLEL_ELEMENTS * work.count
        return launches.get("float32", 0.0) if is_parallel else 0.0

    def _arithmetic(self, work: Work) -> float:
        if work.kind == "product":
            return work.flops / (self._factors.product_share * self._product_rate(work.dtype))
        width = _DOUBLE if work.dtype == "float64" else 1.0
        flops = width * INSTRUCTIONS[work.kind] * work.elements
        return flops / self._plain_rate()

    def _product_rate(self, dtype: str) -> float:
        rate = self._rates.product_rate(dtype, self._candidate.matmul_precision)
        if rate is None:
            raise UnknownRateError(f"The rate of products in {dtype} is not known")
        return rate

    def _plain_rate(self) -> float:
        rate = self._rates.product_rate("float32", "highest")
        if rate is None:
            raise UnknownRateError("The rate of products in float32 is not known")
        return rate
