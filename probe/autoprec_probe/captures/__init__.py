"""Machines told by files that were written on them: `nvidia-smi -q`, /proc/cpuinfo, rocm-smi and others."""
