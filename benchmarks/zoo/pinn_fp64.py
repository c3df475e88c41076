"""A physics-informed network that needs float64: Poisson's equation, its second derivative taken by differences.

A second difference over h = 1e-5 divides by 1e-10, so that float32's rounding of u, 6e-8, becomes an error in the
hundreds, where the residual itself is about 10. Float64 leaves an error of 1e-6.
"""

import math

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload

STEP = 1e-5
POINTS = 64


class Poisson(nn.Module):
    """The residual of u'' = -π² sin(πx), u(0) = u(1) = 0, whose solution is sin(πx)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return residuals float[P, 1] at points float[P, 1]."""
        curvature = (self.solution(x + STEP) - 2 * self.solution(x) + self.solution(x - STEP)) / STEP**2
        return curvature + math.pi**2 * (math.pi * x).sin()

    def solution(self, x: Tensor) -> Tensor:
        """Return u, which is 0 at both ends by construction."""
        u: Tensor = x * (1 - x) * self.net(x)
        return u


def workload() -> Workload:
    """Return the training with Adam on 64 points."""
    return Workload(
        model=Poisson(),
        batch=(torch.linspace(0.01, 0.99, POINTS)[:, None],),
        loss=lambda residual, _: residual.square().mean(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=5e-3),
        name="PINN",
    )
