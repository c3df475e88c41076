"""Which compute capability the builds of PyTorch and of bitsandbytes begin with: for rules and known problems alike.

Sources: the support matrix in PyTorch's RELEASE.md; pytorch/pytorch issues 157517 and 172352 (what each release drops);
bitsandbytes, "Installation Guide", and its pull request 1715.
"""

Version = tuple[int, ...]
Capability = tuple[int, int]

TORCH_SOURCE = "https://github.com/pytorch/pytorch/blob/main/RELEASE.md#pytorch-cuda-support-matrix"
BITSANDBYTES_SOURCE = "https://huggingface.co/docs/bitsandbytes/v0.50.0/installation"

_TURING: Capability = (7, 5)
_VOLTA: Capability = (7, 0)

TORCH_BUILDS_BEGIN: tuple[tuple[Version, Version, Capability], ...] = (
    ((2, 8), (13, 0), _TURING),
    ((2, 11), (12, 8), _TURING),
    ((2, 8), (12, 8), _VOLTA),
)
"""From which PyTorch and which CUDA on a build has no kernels below which compute capability; the first that fits."""

BITSANDBYTES_WHEELS_BEGIN: tuple[tuple[Version, Capability], ...] = (((13, 0), _TURING), ((12, 8), _VOLTA))
"""From which CUDA on the wheels have no kernels below which compute capability, newest first."""
