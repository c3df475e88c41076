"""What decides on a machine whether Transformer Engine can compute FP8."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Self

import torch

from autoprec_probe.fp8 import Capability, fp8_refusal


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The GPU that this process uses, and the libraries that multiply on it."""

    capability: Capability | None
    """The compute capability of the current NVIDIA GPU; None where there is none."""
    cuda: str | None = None
    """The version of CUDA that torch is built for."""
    cublaslt: str | None = None
    device: str = "cuda"
    """The device type that Transformer Engine computes on."""

    @classmethod
    def current(cls) -> Self:
        """Return what this process runs on."""
        nvidia = torch.version.cuda is not None and torch.cuda.is_available()
        return cls(
            capability=torch.cuda.get_device_capability() if nvidia else None,
            cuda=torch.version.cuda,
            cublaslt=_version("nvidia-cublas") or _version("nvidia-cublas-cu12"),
        )

    @property
    def refusal(self) -> str | None:
        """Why this machine cannot compute FP8, None if it can."""
        if self.capability is None:
            return "Transformer Engine needs an NVIDIA GPU of compute capability 8.9 or newer, and torch finds none"
        return fp8_refusal(self.capability, cuda=self.cuda, cublaslt=self.cublaslt)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
