"""A wide perceptron that tells tumours apart: its step is matrix products and the optimizer."""

import torch
from torch import nn

from autoprec_runner.workload import Workload
from data_sets import breast_cancer, in_batches

WIDTH = 1024


def workload() -> Workload:
    """Return the training with AdamW on batches of 128."""
    model = nn.Sequential(
        nn.Linear(30, WIDTH),
        nn.GELU(),
        nn.Linear(WIDTH, WIDTH),
        nn.GELU(),
        nn.Linear(WIDTH, WIDTH),
        nn.GELU(),
        nn.Linear(WIDTH, 2),
    )
    return Workload(
        model=model,
        batch=in_batches(*breast_cancer(), size=128),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-4),
        name="wide MLP",
    )
