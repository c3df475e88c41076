"""Which versions of the software that decides how a precision runs are installed. Nothing is imported."""

from autoprec_probe.profile import Software
from autoprec_probe.reader import Reader

PACKAGES: tuple[str, ...] = (
    "accelerate",
    "bitsandbytes",
    "deepspeed",
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


def detect_software(reader: Reader) -> Software:
    """Return the versions behind `reader`, None for what is not installed."""
    nvml = reader.nvml()
    return Software(
        python=reader.python_version,
        packages={name: reader.package_version(name) for name in PACKAGES},
        nvidia_driver=nvml.driver_version,
        cuda_driver=nvml.cuda_version,
    )
