"""Measured rates as a table: what a device reached, in terms of fp32, and where its flags promise something else."""

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from autoprec.paragraph import Paragraph
from autoprec_probe import Candidate, HardwareProfile, support
from autoprec_probe.candidate import Device
from autoprec_probe.profile import MeasuredRate
from autoprec_runner.quantities import duration, figure, size
from autoprec_runner.rates.kept import RateRecord

_JUDGED = {"bfloat16": "bf16-true", "float16": "16-true"}
"""A precision whose verdict says what flags promise of a number format."""
_GAIN = 1.1
_LOSS = 0.9


def rates_report(record: RateRecord, profile: HardwareProfile, device: Device) -> Group:
    """Return the table with the sentences below it."""
    sentences = [*contradictions(record.rates, profile, device), *_neighbours(record)]
    parts: list[RenderableType] = [_table(record.rates), *(Paragraph(Text(each)) for each in sentences)]
    return Group(*parts)


def contradictions(rates: Iterable[MeasuredRate], profile: HardwareProfile, device: Device) -> Iterator[str]:
    """Say where products in half precision are slower than flags promise, or faster."""
    products = {each.dtype: each for each in rates if _is_plain_product(each)}
    plain = profile.model_copy(update={"measured": ()})
    for dtype, precision in _JUDGED.items():
        if dtype not in products:
            continue
        level = support(Candidate(precision=precision), plain, device).level
        ratio = ratio_to_fp32(products[dtype], products.get("float32"))
        slow = products[dtype].error is not None or (ratio is not None and ratio < _LOSS)
        if level == "native" and slow:
            yield f"By its flags this device computes in {dtype}, but products were slower than in float32."
        elif level == "emulated" and ratio is not None and ratio > _GAIN:
            yield f"By its flags this device does not compute in {dtype}, but products were faster than in float32."


def ratio_to_fp32(rate: MeasuredRate, reference: MeasuredRate | None) -> float | None:
    """Return how many times the product rate of fp32 a rate is."""
    if reference is None or not rate.tflops or not reference.tflops:
        return None
    return rate.tflops / reference.tflops


def _is_plain_product(rate: MeasuredRate) -> bool:
    return rate.operation == "matmul" and rate.matmul_precision == "highest"


def _table(rates: tuple[MeasuredRate, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("measured", no_wrap=True)
    table.add_column("rate", justify="right", no_wrap=True)
    table.add_column("to float32", justify="right", no_wrap=True)
    table.add_column("")
    reference = next((each for each in rates if _is_plain_product(each) and each.dtype == "float32"), None)
    for each in rates:
        ratio = ratio_to_fp32(each, reference)
        shown = "" if ratio is None else f"{figure(ratio)}x"
        table.add_row(Text(_name(each)), Text(_rate(each)), Text(shown), Text(each.error or "", overflow="fold"))
    return table


def _name(rate: MeasuredRate) -> str:
    touched = f" {size(rate.touched_bytes)}" if rate.touched_bytes else ""
    matmul = f" ({rate.matmul_precision})" if rate.matmul_precision != "highest" else ""
    return f"{rate.operation} {rate.dtype}{matmul}{touched}"


def _rate(rate: MeasuredRate) -> str:
    if rate.tflops is not None:
        return f"{figure(rate.tflops)} TFLOP/s"
    if rate.gbytes_per_second is not None:
        return f"{figure(rate.gbytes_per_second)} GB/s"
    return "-" if rate.seconds is None else duration(rate.seconds)


def _neighbours(record: RateRecord) -> Iterator[str]:
    if record.is_disturbed:
        busy = figure(record.busy_cores)
        yield (
            f"Other programs kept {busy} cores busy: nothing is going to rest on these rates. Measure again when they "
            "have ended."
        )
