"""Combinations of software and hardware that are known to be bad: each a condition, a sentence, a remedy, a source.

A version or a capability that is not known makes no finding. Adding a problem is adding one decorated function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from autoprec_probe.amd.targets import DISPLAY_ONLY
from autoprec_probe.builds import (
    BITSANDBYTES_SOURCE,
    BITSANDBYTES_WHEELS_BEGIN,
    TORCH_BUILDS_BEGIN,
    TORCH_SOURCE,
    Version,
)
from autoprec_probe.features import BF16_COMPUTE, FP16_COMPUTE
from autoprec_probe.finding import Finding
from autoprec_probe.fp8 import PACKAGE as TRANSFORMER_ENGINE
from autoprec_probe.fp8 import cuda_of_build, fp8_refusal, version_numbers
from autoprec_probe.isa import ONEDNN_VARIABLES, usable_features

if TYPE_CHECKING:
    from autoprec_probe.profile import Accelerator, HardwareProfile

_INSTALL = "https://pytorch.org/get-started/locally/"

Problem = Callable[["HardwareProfile"], Iterator[Finding]]

_PROBLEMS: list[Problem] = []


def software_findings(profile: HardwareProfile) -> tuple[Finding, ...]:
    """Return the known problems that a machine has, none for one of whose software nothing is known."""
    return tuple(finding for problem in _PROBLEMS for finding in problem(profile))


def _problem(function: Problem) -> Problem:
    _PROBLEMS.append(function)
    return function


@_problem
def _torch_without_the_device(profile: HardwareProfile) -> Iterator[Finding]:
    build = _torch_build(profile)
    wanted = {"NVIDIA": "cuda", "AMD": "rocm", "Intel": "xpu"}
    for each in _distinct(profile):
        platform = wanted.get(each.vendor) if each.kind in {"cuda", "xpu"} else None
        if build and platform and build.partition(" ")[0] != platform and each.gfx_target not in DISPLAY_ONLY:
            yield Finding(
                key="torch-without-the-device",
                sentence=f"The installed PyTorch is built for {build} and does not use {_name(each)}.",
                remedy=f"Install the build for {platform}: {_INSTALL}",
                source=_INSTALL,
            )


@_problem
def _graphics_without_kernels(profile: HardwareProfile) -> Iterator[Finding]:
    for each in _distinct(profile):
        if each.gfx_target in DISPLAY_ONLY:
            yield Finding(
                key="graphics-without-kernels",
                sentence=f"No build of PyTorch has kernels for {_name(each)} ({each.gfx_target}).",
                remedy="Use the CPU or another device.",
                source="https://rocm.docs.amd.com/projects/install-on-linux/en/latest/reference/system-requirements.html",
            )


@_problem
def _torch_without_the_capability(profile: HardwareProfile) -> Iterator[Finding]:
    torch, cuda = _version(profile, "torch"), _torch_cuda(profile)
    fitting = (least for release, built, least in TORCH_BUILDS_BEGIN if torch >= release and cuda >= built)
    lowest = next(fitting, (0, 0))
    for each in _nvidia(profile):
        if each.compute_capability and each.compute_capability < lowest:
            yield Finding(
                key="torch-without-the-capability",
                sentence=f"PyTorch {_dotted(torch)} for CUDA {_dotted(cuda)} has kernels from compute capability "
                f"{_dotted(lowest)} on, and {_name(each)} has {_dotted(each.compute_capability)}.",
                remedy="Install a build for CUDA 12.6, the last that has kernels for it.",
                source=TORCH_SOURCE,
            )


@_problem
def _driver_older_than_torch(profile: HardwareProfile) -> Iterator[Finding]:
    driver, cuda = _numbers(profile.software.cuda_driver), _torch_cuda(profile)
    if driver and cuda and driver[0] < cuda[0]:
        yield Finding(
            key="driver-older-than-torch",
            sentence=f"PyTorch is built for CUDA {_dotted(cuda)}, the driver serves {_dotted(driver)} at most.",
            remedy=f"Update the NVIDIA driver, or install a build for CUDA {driver[0]}: {_INSTALL}",
            source="https://docs.nvidia.com/deploy/cuda-compatibility/",
        )


@_problem
def _bitsandbytes_without_the_capability(profile: HardwareProfile) -> Iterator[Finding]:
    installed, cuda = _version(profile, "bitsandbytes"), _torch_cuda(profile)
    lowest = next((least for built, least in BITSANDBYTES_WHEELS_BEGIN if installed and cuda >= built), (0, 0))
    for each in _nvidia(profile):
        if each.compute_capability and each.compute_capability < lowest:
            yield Finding(
                key="bitsandbytes-without-the-capability",
                sentence=f"bitsandbytes' wheels for CUDA {_dotted(cuda)} have kernels from compute capability "
                f"{_dotted(lowest)} on, and {_name(each)} has {_dotted(each.compute_capability)}.",
                remedy="Install a PyTorch for CUDA 12.6, which bitsandbytes then follows.",
                source=BITSANDBYTES_SOURCE,
            )


@_problem
def _transformer_engine_refuses(profile: HardwareProfile) -> Iterator[Finding]:
    packages = profile.software.packages
    if not packages.get(TRANSFORMER_ENGINE):
        return
    cublaslt = packages.get("nvidia-cublas") or packages.get("nvidia-cublas-cu12")
    for each in _nvidia(profile):
        capability = each.compute_capability
        refusal = (
            fp8_refusal(capability, cuda=_dotted(_torch_cuda(profile)) or None, cublaslt=cublaslt)
            if capability
            else None
        )
        if refusal:
            yield Finding(
                key="transformer-engine-refuses",
                sentence=f"Transformer Engine is installed and computes no FP8 on {_name(each)}: {refusal}.",
                remedy="Use bf16-mixed or 16-mixed; for Ada, install a PyTorch for CUDA 12.4 or newer.",
                source="https://github.com/NVIDIA/TransformerEngine/issues/15",
            )


@_problem
def _torch_xla_of_another_version(profile: HardwareProfile) -> Iterator[Finding]:
    torch, xla = _version(profile, "torch"), _version(profile, "torch-xla")
    if torch and xla and torch[:2] != xla[:2]:
        yield Finding(
            key="torch-xla-of-another-version",
            sentence=f"torch-xla {_dotted(xla)} is built for PyTorch {_dotted(xla[:2])}, not for {_dotted(torch)}.",
            remedy=f"Install torch-xla {_dotted(torch[:2])}.*, or torch {_dotted(xla[:2])}.*.",
            source="https://github.com/pytorch/xla#installation",
        )


@_problem
def _deepspeed_without_fp16(profile: HardwareProfile) -> Iterator[Finding]:
    cpu = profile.cpu
    on_cpu = profile.default_device == "cpu" and cpu.features and FP16_COMPUTE.isdisjoint(cpu.features)
    if profile.software.packages.get("deepspeed") and on_cpu:
        yield Finding(
            key="deepspeed-without-fp16",
            sentence="DeepSpeed refuses its fp16 mode on this CPU, which shows no fp16 arithmetic.",
            remedy="Use DeepSpeed's bf16 mode, which is bf16-true here, or bf16-mixed.",
            source="https://www.deepspeed.ai/docs/config-json/",
        )


@_problem
def _onednn_kept_from_units(profile: HardwareProfile) -> Iterator[Finding]:
    settings = profile.software.settings
    units = (BF16_COMPUTE | FP16_COMPUTE).intersection(profile.cpu.features)
    lost = units - usable_features(profile.cpu, settings)
    variable = next((name for name in ONEDNN_VARIABLES if name in settings), None)
    if lost and variable:
        yield Finding(
            key="onednn-kept-from-units",
            sentence=f"{variable}={settings[variable]} keeps oneDNN from {', '.join(sorted(lost))} of this CPU.",
            remedy=f"Unset {variable}.",
            source="https://uxlfoundation.github.io/oneDNN/dev_guide_cpu_dispatcher_control.html",
        )


@_problem
def _rocm_told_of_another_target(profile: HardwareProfile) -> Iterator[Finding]:
    told = profile.software.settings.get("HSA_OVERRIDE_GFX_VERSION")
    if told and any(each.vendor == "AMD" for each in profile.accelerators):
        yield Finding(
            key="rocm-told-of-another-target",
            sentence=f"HSA_OVERRIDE_GFX_VERSION={told} lets ROCm take every device for another one: kernels for units "
            "that a device lacks end in errors or wrong numbers.",
            remedy="Unset it where PyTorch has kernels for the device itself.",
            source="https://rocm.docs.amd.com/en/latest/reference/env-variables.html",
        )


def _nvidia(profile: HardwareProfile) -> tuple[Accelerator, ...]:
    return tuple(each for each in _distinct(profile) if each.vendor == "NVIDIA")


def _distinct(profile: HardwareProfile) -> tuple[Accelerator, ...]:
    """Return one readable device of each sort: eight equal ones have one problem, not eight."""
    readable = (each for each in profile.accelerators if each.error is None)
    sorts = {(each.vendor, each.name, each.compute_capability, each.gfx_target): each for each in readable}
    return tuple(sorts.values())


def _name(accelerator: Accelerator) -> str:
    return accelerator.name or f"the {accelerator.vendor} device"


def _torch_build(profile: HardwareProfile) -> str | None:
    """Return what torch was built for: what its own file says, else the suffix of its version."""
    suffix = (profile.software.packages.get("torch") or "").partition("+")[2]
    names = {"cpu": "cpu", "cu": "cuda", "rocm": "rocm", "xpu": "xpu"}
    by_suffix = next((name for begin, name in names.items() if suffix.startswith(begin)), None)
    return profile.software.torch_build or by_suffix


def _torch_cuda(profile: HardwareProfile) -> Version:
    platform, _, version = (profile.software.torch_build or "").partition(" ")
    return _numbers(version if platform == "cuda" else cuda_of_build(profile.software.packages.get("torch")))


def _version(profile: HardwareProfile, package: str) -> Version:
    return _numbers((profile.software.packages.get(package) or "").partition("+")[0])


def _numbers(version: str | None) -> Version:
    return version_numbers(version or "")[:3]


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
