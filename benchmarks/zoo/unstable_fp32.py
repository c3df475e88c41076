"""A regression whose learning rate is too large: it diverges in every precision, in float64 only later."""

import torch
from torch import nn

from autoprec_runner.workload import Workload
from data_sets import diabetes


def workload() -> Workload:
    """Return the training of a linear model with SGD; the error grows at each step."""
    return Workload(
        model=nn.Linear(10, 1),
        batch=diabetes(),
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=2.5),
        name="unstable in fp32",
    )
