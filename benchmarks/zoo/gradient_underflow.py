"""A regression in small units: gradients of 1e-9, which float16 takes for zero unless the loss is scaled.

The network predicts in units of its own and converts to the small ones at its end, as with metres for micrometres.
"""

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload
from data_sets import diabetes, in_batches

UNIT = 3e-4


class InSmallUnits(nn.Module):
    """A perceptron whose output is multiplied by the unit."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return float[B, 1] for float[B, 10]."""
        predicted: Tensor = UNIT * self.net(x)
        return predicted


def workload() -> Workload:
    """Return the training with SGD on batches of 64, at a learning rate that fits the unit."""
    features, progress = diabetes()
    return Workload(
        model=InSmallUnits(),
        batch=in_batches(features, UNIT * progress, size=64),
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=3e-3 / UNIT**2, momentum=0.9),
        name="gradient underflow",
    )
