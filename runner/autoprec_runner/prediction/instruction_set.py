"""Rates of a processor of which only the instruction set and the number of cores are known (free of torch).

Sources: Fog, "Instruction tables" (agner.org/optimize), for products a cycle; Intel's optimization manual (248966), for
AMX. Clock and bandwidth are what servers of the last years have in common, within a factor of two.
"""

from autoprec_probe.profile import Cpu
from autoprec_runner.prediction.rates import Format, Rates

_GIGAHERTZ = 2.5
_GBYTES_PER_CORE, _MOST_GBYTES = 10.0, 250.0
_CACHED, _CACHED_BYTES = 4.0, 2.0**22
"""How many times faster than memory caches are, and up to which size."""
_UNCACHED_BYTES = 2.0**28
_FLOPS_A_CYCLE: tuple[tuple[str, float, float | None, float | None], ...] = (
    ("amx_fp16", 64, 1024, 1024),
    ("amx_bf16", 64, 1024, 128),
    ("avx512_fp16", 64, 128, 128),
    ("avx512_bf16", 64, 128, None),
    ("avx512f", 64, None, None),
    ("avx2", 32, None, None),
    ("bf16", 32, 128, 64),
    ("asimdhp", 32, None, 64),
)
"""The best feature that a core has, and what it then does in fp32, bf16 and fp16; None: no arithmetic of that kind."""
_PLAIN = 8.0
_AMX = 1024.0
_REACHED_OF_AMX = 0.3
"""Share of it that memory can feed: 1024 flops a cycle need more than caches give."""


def instruction_set_rates(cpu: Cpu) -> Rates:
    """Return what a processor with these features is likely to reach; far off by up to a factor of two or three."""
    cores = cpu.usable_cores or cpu.logical_cores or 1
    float32, bfloat16, float16 = next(
        (rates for feature, *rates in _FLOPS_A_CYCLE if feature in cpu.features), (_PLAIN, None, None)
    )
    assert float32 is not None, "every core computes in fp32"
    cycles = cores * _GIGAHERTZ * 1e9 / 1e12
    tflops: dict[Format, float] = {
        ("float32", "highest"): cycles * float32,
        ("float64", "highest"): cycles * float32 / 2,
    }
    for dtype, rate in (("bfloat16", bfloat16), ("float16", float16)):
        if rate is not None:
            tflops[dtype, "highest"] = cycles * rate * (_REACHED_OF_AMX if rate >= _AMX else 1.0)
    if bfloat16 is not None:
        tflops["float32", "medium"] = tflops["bfloat16", "highest"]
    memory = min(_MOST_GBYTES, cores * _GBYTES_PER_CORE)
    return Rates(
        device="cpu",
        basis="estimated",
        tflops=tflops,
        copies=((_CACHED_BYTES, _CACHED * memory), (_UNCACHED_BYTES, memory)),
        launch_seconds=2e-6,
        product_launch_seconds={"float32": 8e-6, "bfloat16": 15e-6, "float16": 15e-6, "float64": 8e-6},
        memory_bytes=cpu.memory_limit_bytes or cpu.memory_total_bytes,
    )
