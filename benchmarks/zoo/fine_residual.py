"""A regression that has a nearly exact solution: the loss falls from 1 to 1e-6, which half precision cannot resolve."""

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload
from data_sets import digits

ROWS, NOISE = 512, 1e-3


def whitened() -> tuple[Tensor, Tensor]:
    """Return digits as 32 uncorrelated features, and targets that are a linear function of them up to 0.1 %."""
    images = digits()[0].flatten(1)[:ROWS].double()
    left, _, _ = torch.linalg.svd(images - images.mean(0), full_matrices=False)
    features = left[:, :32] * ROWS**0.5
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(32, 16, generator=generator, dtype=torch.float64) / 32**0.5
    noise = torch.randn(ROWS, 16, generator=generator, dtype=torch.float64)
    return features.float(), (features @ teacher + NOISE * noise).float()


def workload() -> Workload:
    """Return the training of a linear model with SGD; the error shrinks by a third each step."""
    return Workload(
        model=nn.Linear(32, 16),
        batch=whitened(),
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=16 / 6),
        name="fine residual",
    )
