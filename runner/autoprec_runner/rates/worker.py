"""The child's side of the micro-benchmark: times one operation at a time, as it is asked to."""

import json
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

SAMPLE_SECONDS = 0.004
"""One sample repeats a short operation for about so long: a clock's ticks and a synchronisation do not count then."""
_MOST_REPEATS = 4096
_MOST_SAMPLES = 64
_INT8 = 127


def main(connection: int, arguments: dict[str, Any]) -> None:
    """Answer requests on `connection` until the parent closes it. Runs in the forked child."""
    parent = Connection(connection)
    device = torch.device(arguments["device"])
    while True:
        try:
            request = json.loads(parent.recv_bytes())
        except EOFError:
            return
        parent.send_bytes(json.dumps(_answer(device, request)).encode())


def _answer(device: torch.device, request: dict[str, Any]) -> dict[str, Any]:
    try:
        operation = _operation(device, request)
        return {"seconds": typical_seconds(operation, device, request["max_seconds"])}
    except Exception as error:  # noqa: BLE001 (torch refuses in many ways, and each is an answer)
        lines = str(error).strip().splitlines() or [""]
        return {"error": f"{type(error).__name__}: {lines[0]}"[:200]}


def _operation(device: torch.device, request: dict[str, Any]) -> Callable[[], object]:
    dtype = getattr(torch, request["dtype"])
    if request["operation"] == "copy":
        return _copy(device, dtype, request["touched_bytes"])
    torch.set_float32_matmul_precision(request["matmul_precision"])
    return _product(device, dtype, request["size"])


def _copy(device: torch.device, dtype: torch.dtype, touched_bytes: int) -> Callable[[], object]:
    source = torch.ones(touched_bytes // 2 // dtype.itemsize, dtype=dtype, device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def _product(device: torch.device, dtype: torch.dtype, size: int) -> Callable[[], object]:
    """Return a square product: torch's own call for each number format.

    Of 8 bits, the second factor lies column by column, as the weights of a linear layer do and the kernels want it.
    """
    if dtype == torch.int8:
        whole = torch.randint(-_INT8, _INT8, (size, size), dtype=dtype, device=device)
        columns = whole.t().contiguous().t()
        return lambda: torch._int_mm(whole, columns)  # noqa: SLF001 (torch has no public product of int8)
    numbers = torch.randn(size, size, device=device).to(dtype)
    if dtype.itemsize > 1:
        return lambda: numbers @ numbers
    one, columns = torch.ones((), device=device), numbers.t().contiguous().t()
    return lambda: torch._scaled_mm(numbers, columns, one, one, out_dtype=torch.bfloat16)  # noqa: SLF001 (nor of fp8)


def typical_seconds(operation: Callable[[], object], device: torch.device, max_seconds: float) -> float:
    """Return how long one call takes when nothing disturbs it, after a warm-up.

    That is the sample at the fastest eighth: other programs on the same cores only ever add time, and a single fastest
    sample could be a quirk of the clock.
    """
    synchronize = torch.get_device_module(device).synchronize
    started = time.perf_counter()
    for _ in range(2):
        first = _timed(operation, 1, synchronize)
    repeats = max(1, min(_MOST_REPEATS, round(SAMPLE_SECONDS / max(first, 1e-9))))
    samples = [first]
    while len(samples) < _MOST_SAMPLES and time.perf_counter() - started + repeats * first < max_seconds:
        samples.append(_timed(operation, repeats, synchronize))
    return sorted(samples)[len(samples) // 8]


def _timed(operation: Callable[[], object], repeats: int, synchronize: Callable[[], None]) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        operation()
    synchronize()
    return (time.perf_counter() - begin) / repeats
