"""Which NVIDIA devices compute FP8 through Transformer Engine, and with which recipe: facts for rules and plugin alike.

Source: Transformer Engine 2.20, `transformer_engine/pytorch/quantization.py` (`_compute_fp8_support`,
`_compute_mxfp8_support`, `_compute_nvfp4_support`, `_compute_fp8_block_scaling_support`, `get_default_fp8_recipe`).
"""

import re
from typing import Literal

Capability = tuple[int, int]
RecipeName = Literal["DelayedScaling", "Float8CurrentScaling", "MXFP8BlockScaling"]

PACKAGE = "transformer-engine"
"""The distribution whose version the probe asks for."""
INSTALL = "pip install --no-build-isolation 'transformer-engine[pytorch]'"
"""Source: NVIDIA, "Transformer Engine, Installation". Without isolation, so that it is built against this torch."""
SOURCE = "https://docs.nvidia.com/deeplearning/transformer-engine/user-guide/index.html"

ADA: Capability = (8, 9)
HOPPER: Capability = (9, 0)
BLACKWELL: Capability = (10, 0)
RTX_BLACKWELL: Capability = (12, 0)
"""From here on MXFP8 has no kernels for every layout of a product, so that it is not offered."""
_ADA_CUDA = (12, 1)
_ADA_CUBLASLT = (12, 1, 3)
_BLOCK_SCALING_CUDA = (12, 9)


def fp8_refusal(capability: Capability, *, cuda: str | None = None, cublaslt: str | None = None) -> str | None:
    """Return why a device cannot compute FP8, None if it can; an unknown version is given the benefit of doubt.

    Args:
        capability: The compute capability of the device.
        cuda: The version of CUDA that torch is built for, such as ``12.8``.
        cublaslt: The version of cuBLASLt, which is that of cuBLAS, such as ``12.8.4.1``.
    """
    if capability >= HOPPER:
        return None
    if capability < ADA:
        return f"FP8 begins with compute capability 8.9 (Ada), and this device has {dotted(capability)}"
    if cuda is not None and version_numbers(cuda) < _ADA_CUDA:
        return f"on Ada (compute capability 8.9) FP8 needs CUDA 12.1 or newer, and this is CUDA {cuda}"
    if cublaslt is not None and version_numbers(cublaslt) < _ADA_CUBLASLT:
        return f"on Ada (compute capability 8.9) FP8 needs cuBLASLt 12.1.3 or newer, and this is cuBLASLt {cublaslt}"
    return None


def recipe_refusal(recipe: str, capability: Capability, *, cuda: str | None = None) -> str | None:
    """Return why a device that computes FP8 cannot follow a recipe (a class name), None if it can or is not known."""
    if recipe == "MXFP8BlockScaling" and not BLACKWELL <= capability < RTX_BLACKWELL:
        return "it takes a compute capability from 10.0 to below 12.0"
    if recipe == "NVFP4BlockScaling" and capability < BLACKWELL:
        return "it takes compute capability 10.0 or higher"
    if recipe == "Float8BlockScaling":
        old = cuda is not None and version_numbers(cuda) < _BLOCK_SCALING_CUDA
        return (
            "it takes compute capability 9.0 or higher and CUDA 12.9 or newer" if old or capability < HOPPER else None
        )
    return None


def default_recipe(capability: Capability, *, compiled: bool = False) -> RecipeName:
    """Return the recipe for a device: Transformer Engine's own choice, except under `torch.compile`.

    There it refuses delayed scaling, and current scaling stands in.
    """
    if BLACKWELL <= capability < RTX_BLACKWELL:
        return "MXFP8BlockScaling"
    return "Float8CurrentScaling" if compiled or capability >= RTX_BLACKWELL else "DelayedScaling"


def cuda_of_build(torch_version: str | None) -> str | None:
    """Return the CUDA version in the suffix of a torch version (``2.9.0+cu128`` is 12.8), None where there is none."""
    found = re.search(r"\+cu(\d+)(\d)\b", torch_version or "")
    return f"{found[1]}.{found[2]}" if found else None


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, which compare as versions do."""
    return tuple(int(each) for each in re.findall(r"\d+", version))


def dotted(capability: Capability) -> str:
    """Return a compute capability as NVIDIA writes it, such as `8.9`."""
    return ".".join(map(str, capability))
