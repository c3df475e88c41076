"""Every format that can be read; a text is shown to them in this order, and the first that recognizes it reads it."""

from autoprec_probe.captures import (
    amdgpu_top,
    cpuid,
    cpuinfo,
    hip_device_query,
    hl_smi,
    kfd_tree,
    lscpu,
    meminfo,
    profile_json,
    rocm_smi_text,
    rocminfo,
    rocprof_sysinfo,
    smi_json,
    sysctl,
    tpu_metadata,
)
from autoprec_probe.captures.capture import Format

FORMATS: tuple[Format, ...] = (
    profile_json.FORMAT,
    amdgpu_top.FORMAT,
    smi_json.AMD_SMI,
    smi_json.ROCM_SMI,
    smi_json.XPU_SMI,
    rocm_smi_text.FORMAT,
    rocminfo.FORMAT,
    hip_device_query.FORMAT,
    rocprof_sysinfo.FORMAT,
    kfd_tree.FORMAT,
    hl_smi.FORMAT,
    tpu_metadata.FORMAT,
    lscpu.FORMAT,
    cpuinfo.FORMAT,
    sysctl.FORMAT,
    cpuid.FORMAT,
    meminfo.FORMAT,
)
