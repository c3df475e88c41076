"""Here it is decided what a device can really run: one small function for each platform and number format."""

from autoprec_probe.rules import amd, arithmetic, bitsandbytes, cpu, fp8, hpu, mps, nvidia, tpu, xla_cpu, xpu
from autoprec_probe.rules.judge import judge

__all__ = ["amd", "arithmetic", "bitsandbytes", "cpu", "fp8", "hpu", "judge", "mps", "nvidia", "tpu", "xla_cpu", "xpu"]
