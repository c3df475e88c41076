"""Which NVIDIA devices PyTorch's own builds leave out.

Sources: the support matrix in PyTorch's RELEASE.md; pytorch/pytorch issues 157517 and 172352 (what each release drops).
"""

from autoprec_probe.fp8 import Capability, dotted
from autoprec_probe.rules.architecture import capability_of
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.libraries import cuda_version, reaches
from autoprec_probe.verdict import Verdict

_SOURCE = "https://github.com/pytorch/pytorch/blob/main/RELEASE.md#pytorch-cuda-support-matrix"

_TURING: Capability = (7, 5)
_VOLTA: Capability = (7, 0)

_BEGIN: tuple[tuple[tuple[int, ...], tuple[int, ...], Capability], ...] = (
    ((2, 8), (13, 0), _TURING),
    ((2, 11), (12, 8), _TURING),
    ((2, 8), (12, 8), _VOLTA),
)
"""From which PyTorch and which CUDA on a build has no kernels below which compute capability; the first that fits."""


def cuda_build_gate(case: Case) -> Verdict | None:
    """Refuse devices that are too old for the installed build; a version of which nothing is known passes."""
    if case.platform != "nvidia":
        return None
    torch, cuda, capability = case.profile.software.packages.get("torch"), cuda_version(case), capability_of(case)
    begin = next((least for release, built, least in _BEGIN if reaches(torch, release) and reaches(cuda, built)), None)
    if begin is None or capability is None or capability >= begin:
        return None
    return Verdict(
        level="missing-package",
        reason=f"PyTorch {torch}, built for CUDA {cuda}, has no kernels for {case.device_name} (compute capability "
        f"{dotted(capability)}): such builds begin with {dotted(begin)}.",
        remedy="Install a build of PyTorch for CUDA 12.6: https://pytorch.org/get-started/previous-versions/",
        source=_SOURCE,
    )
