"""Which versions of CUDA and its libraries a profile tells."""

from autoprec_probe.fp8 import cuda_of_build, version_numbers
from autoprec_probe.rules.case import Case


def cuda_version(case: Case) -> str | None:
    """Return the CUDA version that the installed torch is built for, None where nothing tells it."""
    software = case.profile.software
    platform, _, version = (software.torch_build or "").partition(" ")
    told = version if platform == "cuda" else cuda_of_build(software.packages.get("torch"))
    return told or library_version(case, "nvidia-cuda-runtime")


def library_version(case: Case, package: str) -> str | None:
    """Return the version of one of CUDA's libraries, whose names carry no suffix since CUDA 13."""
    packages = case.profile.software.packages
    return packages.get(package) or packages.get(f"{package}-cu12")


def reaches(version: str | None, least: tuple[int, ...]) -> bool:
    """Return whether a version is known and at least `least`."""
    return version is not None and version_numbers(version)[: len(least)] >= least
