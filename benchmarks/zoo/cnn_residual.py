"""A convolutional network with residual blocks and batch norm that reads digits."""

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches

WIDTH = 32


class Block(nn.Module):
    """Two convolutions, added to their input."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return float[B, W, 8, 8] for float[B, W, 8, 8]."""
        return torch.relu(x + self.inner(x))


def workload() -> Workload:
    """Return the training with SGD and momentum on batches of 64."""
    model = nn.Sequential(
        nn.Conv2d(1, WIDTH, 3, padding=1, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(),
        Block(),
        Block(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * WIDTH, 10),
    )
    return Workload(
        model=model,
        batch=in_batches(*digits(), size=64),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.02, momentum=0.9),
        name="residual CNN",
    )
