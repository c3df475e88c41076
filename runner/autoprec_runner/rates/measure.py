"""The parent's side of the micro-benchmark: climbs from small to large products, and cuts off what takes too long."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import psutil

from autoprec_probe.candidate import Device
from autoprec_probe.profile import MeasuredRate
from autoprec_runner.isolation.child import ChildError, ChildProcess, ChildTimeoutError
from autoprec_runner.isolation.forkserver import ForkServer
from autoprec_runner.quantities import figure
from autoprec_runner.rates.subject import Subject, subjects

BUDGET_SECONDS = 6.0
"""For all rates, once torch is loaded, which takes two or three seconds on an idle machine."""
CUT_OFF_SECONDS = 1.0
"""How long one request may be silent, beyond the time that it was given."""
_STARTING_SECONDS = 30.0
"""For the very first operation of a child, which on a GPU makes a context and loads libraries."""
_SIZES: dict[Device, tuple[int, ...]] = {"cpu": (128, 256, 512, 1024, 2048, 4096, 8192)}
_SIZES_ELSEWHERE = (1024, 2048, 4096, 8192)
"""Of square matrices, the smallest first; on an accelerator, smaller ones would time nothing but their start."""
_FIRST_SIZE = 128
_RUNG_SECONDS = 0.04
_LONG_SECONDS: dict[Device, float] = {"cpu": 0.012}
_LONG_ELSEWHERE = 0.002
"""A product that takes so long has left every overhead behind; a larger one would tell nothing more."""
_COPY_SECONDS = 0.05
_WORKER = "autoprec_runner.rates.worker:main"
_MEMORY_SHARE = 0.5


class Child(Protocol):
    """What times operations when asked: a child process, or a stand-in for it."""

    def ask(self, request: Mapping[str, Any], *, timeout_seconds: float) -> dict[str, Any]:
        """Return the answer to a request.

        Raises:
            ChildError: It ended, or did not answer in time and was killed.
        """

    def close(self) -> None:
        """End it."""


def rates_worker(server: ForkServer, device: Device) -> Callable[[], ChildProcess]:
    """Return what starts a child that times operations on `device`."""
    limit = int(_MEMORY_SHARE * psutil.virtual_memory().available)
    return lambda: ChildProcess(server, _WORKER, {"device": device}, memory_limit_bytes=limit)


def measure_rates(
    device: Device,
    start: Callable[[], Child],
    *,
    budget_seconds: float = BUDGET_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[MeasuredRate, ...]:
    """Return a rate for everything that is measured of a device; one that could not be had carries its reason.

    Everything is measured in turn, and then once more as far as time allows: what disturbs one rate for a while seldom
    disturbs it in both rounds, and the better one counts.

    Raises:
        TrialError: Child processes cannot be had here.
    """
    meter = _Meter(device, start, clock() + budget_seconds, clock)
    try:
        found = [meter.rate(each) for each in subjects(device)]
        again = [
            meter.rate(each) if first.error is None else first
            for each, first in zip(subjects(device), found, strict=True)
        ]
    finally:
        meter.close()
    return tuple(map(better, found, again))


def better(one: MeasuredRate, other: MeasuredRate) -> MeasuredRate:
    """Return the faster of two rates of the same subject."""
    return other if _speed(other) > _speed(one) else one


def _speed(rate: MeasuredRate) -> float:
    if rate.error is not None:
        return -1.0
    return rate.tflops or rate.gbytes_per_second or 1 / (rate.seconds or 1.0)


class _Meter:
    """Asks one child after the other: a new one is started where the last had to be killed."""

    def __init__(self, device: Device, start: Callable[[], Child], deadline: float, clock: Callable[[], float]) -> None:
        self._device = device
        self._start = start
        self._deadline = deadline
        self._clock = clock
        self._child: Child | None = None

    def rate(self, subject: Subject) -> MeasuredRate:
        """Return the rate of a subject, or why there is none."""
        blank = MeasuredRate(
            device=self._device,
            operation=subject.operation,
            dtype=subject.dtype,
            matmul_precision=subject.matmul_precision,
            touched_bytes=subject.touched_bytes,
        )
        if self._clock() >= self._deadline:
            return blank.model_copy(update={"error": "Not measured: the time for all rates was over before its turn."})
        try:
            return blank.model_copy(update=self._figures(subject))
        except ChildError as error:
            self.close()
            return blank.model_copy(update={"error": str(error)})

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _figures(self, subject: Subject) -> dict[str, Any]:
        if subject.operation == "matmul":
            return self._climb(subject)
        answer = self._ask(subject, _COPY_SECONDS)
        if "error" in answer:
            return {"error": f"torch refuses: {answer['error']}"}
        if subject.operation == "launch":
            return {"seconds": answer["seconds"]}
        return {"gbytes_per_second": (subject.touched_bytes or 0) / answer["seconds"] / 1e9}

    def _climb(self, subject: Subject) -> dict[str, Any]:
        """Multiply ever larger matrices until a product takes long; the best of their rates counts."""
        best = 0.0
        for size in _SIZES.get(self._device, _SIZES_ELSEWHERE):
            flops = 2.0 * size**3
            try:
                answer = self._ask(subject, _RUNG_SECONDS, size=size)
            except ChildTimeoutError:
                self.close()
                return {"tflops": best} if best else {"error": _cut_off(size, flops)}
            if "error" in answer:
                return {"tflops": best} if best else {"error": f"torch refuses: {answer['error']}"}
            best = max(best, flops / answer["seconds"] / 1e12)
            is_long = answer["seconds"] >= _LONG_SECONDS.get(self._device, _LONG_ELSEWHERE)
            if is_long or self._clock() >= self._deadline:
                break
        return {"tflops": best}

    def _ask(self, subject: Subject, seconds: float, **more: Any) -> dict[str, Any]:
        child = self._child or self._started()
        request = {
            "operation": subject.operation,
            "dtype": subject.dtype,
            "matmul_precision": subject.matmul_precision,
            "size": subject.size,
            "touched_bytes": subject.touched_bytes,
            "max_seconds": seconds,
            **more,
        }
        return child.ask(request, timeout_seconds=seconds + CUT_OFF_SECONDS)

    def _started(self) -> Child:
        self._child = self._start()
        first = {"operation": "launch", "dtype": "float32", "matmul_precision": "highest", "size": _FIRST_SIZE}
        self._child.ask({**first, "max_seconds": 0.0}, timeout_seconds=_STARTING_SECONDS)
        return self._child


def _cut_off(size: int, flops: float) -> str:
    seconds = _RUNG_SECONDS + CUT_OFF_SECONDS
    most = figure(2 * flops / seconds / 1e12)
    return f"Cut off: two products of {size}x{size} took more than {figure(seconds)} s, so less than {most} TFLOP/s."
