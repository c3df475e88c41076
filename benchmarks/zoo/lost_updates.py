"""Fine-tuning at a learning rate of 1e-5: most updates are less than half the distance of neighbours in bfloat16."""

import torch
from torch import nn

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches

WIDTH = 512


def workload() -> Workload:
    """Return the training with Adam on batches of 64."""
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, 10),
    )
    return Workload(
        model=model,
        batch=in_batches(*digits(), size=64),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-5),
        name="lost updates",
    )
