"""Which versions of the software that decides how a precision runs are installed. Nothing is imported."""

import re

from autoprec_probe.isa import ATEN_VARIABLE, ONEDNN_VARIABLES
from autoprec_probe.profile import Software
from autoprec_probe.reader import Reader

PACKAGES: tuple[str, ...] = (
    "accelerate",
    "bitsandbytes",
    "deepspeed",
    "intel-extension-for-pytorch",
    "lightning",
    "lightning-fabric",
    "numpy",
    "nvidia-cublas",
    "nvidia-cublas-cu12",
    "nvidia-cuda-runtime",
    "nvidia-cuda-runtime-cu12",
    "nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13",
    "nvidia-nccl-cu12",
    "nvidia-nccl-cu13",
    "pytorch-lightning",
    "pytorch-triton-rocm",
    "torch",
    "torch-xla",
    "torchao",
    "transformer-engine",
    "transformers",
    "triton",
)
"""The distributions that the probe asks for. Since CUDA 13 some names carry no suffix."""

SETTINGS: tuple[str, ...] = (
    ATEN_VARIABLE,
    *ONEDNN_VARIABLES,
    "HIPBLASLT_ALLOW_TF32",
    "HSA_OVERRIDE_GFX_VERSION",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "XLA_USE_BF16",
)
"""The environment variables that change what torch and its libraries make of a precision."""

_ROCM_VERSION = "/opt/rocm/.info/version"
_ONEDNN_HEADER = "torch/include/oneapi/dnnl/dnnl_version.h"


def detect_software(reader: Reader) -> Software:
    """Return the versions behind `reader`, None for what is not installed or cannot be known without importing it."""
    nvml = reader.nvml()
    built_for = _torch_builds(reader)
    return Software(
        python=reader.python_version,
        packages={name: reader.package_version(name) for name in PACKAGES},
        nvidia_driver=nvml.driver_version,
        cuda_driver=nvml.cuda_version,
        rocm=_rocm(reader) or (built_for.get("rocm") or built_for.get("hip") or "").partition("-")[0] or None,
        torch_build=_torch_build(built_for),
        onednn=_onednn(reader),
        settings={name: value for name in SETTINGS if (value := reader.environment(name)) is not None},
    )


def _torch_builds(reader: Reader) -> dict[str, str]:
    """Return the versions that torch/version.py tells of `cuda`, `hip`, `rocm` and `xpu`; empty if it is not there."""
    text = reader.package_text("torch", "torch/version.py") or ""
    found = re.findall(r"^(cuda|hip|rocm|xpu)(?:\s*:[^=]*)?\s*=\s*(?:'([^']*)'|None)", text, re.MULTILINE)
    return dict(found)


def _torch_build(built_for: dict[str, str]) -> str | None:
    if not built_for:
        return None
    names = {"cuda": "cuda", "rocm": "rocm", "hip": "rocm", "xpu": "xpu"}
    versions = {names[key]: built_for[key].partition("-")[0] for key in names if built_for.get(key)}
    return next((f"{name} {version}" for name, version in versions.items()), "cpu")


def _rocm(reader: Reader) -> str | None:
    """Return the version that ROCm's packages write down, without the number of the build."""
    return (reader.read_text(_ROCM_VERSION) or "").strip().partition("-")[0] or None


def _onednn(reader: Reader) -> str | None:
    """Read the header that torch brings along; it is that of the oneDNN that is linked into torch."""
    text = reader.package_text("torch", _ONEDNN_HEADER) or ""
    numbers = [re.search(rf"#define DNNL_VERSION_{part} (\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
    return ".".join(number[1] for number in numbers if number) or None
