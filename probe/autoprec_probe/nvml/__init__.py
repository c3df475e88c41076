"""NVIDIA's devices through NVIDIA's management library (NVML): what they are, and what they are doing."""

from autoprec_probe.nvml.facts import NvmlReading, read_nvml
from autoprec_probe.nvml.session import NvmlSession

__all__ = ["NvmlReading", "NvmlSession", "read_nvml"]
