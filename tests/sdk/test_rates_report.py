"""Measured rates as a table and in sentences."""

from io import StringIO

import pytest
from rich.console import Console

from autoprec.cli.rates import contradictions, rates_report
from autoprec_probe.catalog import profile_from_key
from autoprec_probe.profile import MeasuredRate
from autoprec_runner.rates.kept import RateRecord

FAST = profile_from_key("cpu-x86-avx512_bf16-4c")
PLAIN = profile_from_key("cpu-x86-avx2-4c")


def product(dtype: str, tflops: float | None, error: str | None = None) -> MeasuredRate:
    return MeasuredRate(device="cpu", operation="matmul", dtype=dtype, tflops=tflops, error=error)


@pytest.mark.parametrize(
    ("key", "bfloat16", "expected"),
    [
        (FAST, product("bfloat16", 0.2), []),
        (FAST, product("bfloat16", 0.05), ["computes in bfloat16, but products were slower"]),
        (FAST, product("bfloat16", None, "Cut off."), ["computes in bfloat16, but products were slower"]),
        (PLAIN, product("bfloat16", 0.05), []),
        (PLAIN, product("bfloat16", 0.2), ["does not compute in bfloat16, but products were faster"]),
    ],
)
def test_what_flags_promise_is_held_against_what_was_measured(
    key: object, bfloat16: MeasuredRate, expected: list[str]
) -> None:
    found = list(contradictions([product("float32", 0.1), bfloat16], key, "cpu"))  # type: ignore[arg-type]
    assert (len(expected), True) == (len(found), all(told in each for told, each in zip(expected, found, strict=True)))


def test_the_table_has_ratios_reasons_and_neighbours() -> None:
    record = RateRecord(
        hardware_key="k", torch="2", threads="default", busy_cores=1.5,
        rates=(product("float32", 0.1), product("bfloat16", 0.25), product("float16", None, "Cut off: [so slow]")),
    )  # fmt: skip
    console = Console(file=StringIO(), width=100)
    with console.capture() as shown:
        console.print(rates_report(record, FAST, "cpu"))
    told = shown.get()
    assert [] == [each for each in ("2.50x", "Cut off: [so slow]", "kept 1.50 cores busy") if each not in told]
