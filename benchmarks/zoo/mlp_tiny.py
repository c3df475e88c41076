"""A tiny perceptron that tells wines apart: its step is little else than overhead."""

import torch
from torch import nn

from autoprec_runner.workload import Workload
from data_sets import in_batches, wine


def workload() -> Workload:
    """Return the training with Adam on batches of 44."""
    return Workload(
        model=nn.Sequential(nn.Linear(13, 32), nn.Tanh(), nn.Linear(32, 3)),
        batch=in_batches(*wine(), size=44),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3),
        name="tiny MLP",
    )
