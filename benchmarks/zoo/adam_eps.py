"""Adam with its default eps of 1e-8, which is 0 in float16: a pixel that is always dark leaves 0/0 for its weights."""

import torch
from torch import nn

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches


def workload() -> Workload:
    """Return the training on batches of 64; eps is as PyTorch has it."""
    return Workload(
        model=nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)),
        batch=in_batches(*digits(), size=64),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3, eps=1e-8),
        name="Adam's eps",
    )
