"""Which NVIDIA devices PyTorch's own builds leave out."""

from autoprec_probe.builds import TORCH_BUILDS_BEGIN, TORCH_SOURCE
from autoprec_probe.fp8 import dotted
from autoprec_probe.rules.architecture import capability_of
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.libraries import cuda_version, reaches
from autoprec_probe.verdict import Verdict


def cuda_build_gate(case: Case) -> Verdict | None:
    """Refuse devices that are too old for the installed build; a version of which nothing is known passes."""
    if case.platform != "nvidia":
        return None
    torch, cuda, capability = case.profile.software.packages.get("torch"), cuda_version(case), capability_of(case)
    begin = next(
        (least for release, built, least in TORCH_BUILDS_BEGIN if reaches(torch, release) and reaches(cuda, built)),
        None,
    )
    if begin is None or capability is None or capability >= begin:
        return None
    return Verdict(
        level="missing-package",
        reason=f"PyTorch {torch}, built for CUDA {cuda}, has no kernels for {case.device_name} (compute capability "
        f"{dotted(capability)}): such builds begin with {dotted(begin)}.",
        remedy="Install a build of PyTorch for CUDA 12.6: https://pytorch.org/get-started/previous-versions/",
        source=TORCH_SOURCE,
    )
