"""A feed-forward block as in T5, whose inner activations reach some 200,000: float16 holds 65,504.

What follows is a norm, so that in every other format the size does no harm.
"""

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches

WIDTH, SIZE = 128, 2e5


class Squared(nn.Module):
    """Squares what comes in and scales it up: the module that overflows."""

    def forward(self, x: Tensor) -> Tensor:
        """Return float[B, D] for float[B, D]."""
        return SIZE * torch.relu(x).square()


def workload() -> Workload:
    """Return the training with Adam on batches of 64."""
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, WIDTH),
        nn.LayerNorm(WIDTH),
        Squared(),
        nn.LayerNorm(WIDTH),
        nn.Linear(WIDTH, 10),
    )
    return Workload(
        model=model,
        batch=in_batches(*digits(), size=64),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3, eps=1e-6),
        name="fp16 overflow",
    )
