"""An autoencoder that squeezes digits into twelve numbers."""

import torch
from torch import nn

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches


def workload() -> Workload:
    """Return the training with Adam on batches of 128."""
    images = digits()[0].flatten(1)
    model = nn.Sequential(
        nn.Linear(64, 512),
        nn.ReLU(),
        nn.Linear(512, 12),
        nn.Linear(12, 512),
        nn.ReLU(),
        nn.Linear(512, 64),
    )
    return Workload(
        model=model,
        batch=in_batches(images, images, size=128),
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
        name="autoencoder",
    )
