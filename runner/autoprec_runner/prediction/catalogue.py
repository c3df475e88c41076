"""Rates of an accelerator from its row of the catalogue: peaks, which no program reaches (free of torch)."""

from autoprec_probe.candidate import Device
from autoprec_probe.catalog import AcceleratorFacts
from autoprec_runner.prediction.rates import Format, Rates

_DTYPES = ("float32", "bfloat16", "float16", "float64")
_ANY_SIZE = 1.0


def catalogue_rates(facts: AcceleratorFacts, device: Device) -> Rates | None:
    """Return the rates of an accelerator; None where the peak of fp32 or the bandwidth is published nowhere."""
    peaks: dict[Format, float | None] = {(each, "highest"): facts.peak_tflops(each) for each in _DTYPES}
    if device == "cuda":
        peaks["float32", "high"] = facts.peak_tflops("tf32")
    tflops = {each: peak for each, peak in peaks.items() if peak is not None}
    bandwidth = facts.memory_bandwidth_gbytes_per_second
    if ("float32", "highest") not in tflops or bandwidth is None:
        return None
    return Rates(
        device=device,
        basis="catalogue",
        tflops=tflops,
        copies=((_ANY_SIZE, bandwidth),),
        memory_bytes=facts.memory_total_bytes,
    )
