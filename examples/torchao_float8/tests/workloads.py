"""A workload whose layers fit FP8."""

import torch
from torch import nn

from autoprec_runner.workload import Workload

torch.set_num_threads(1)


def regression() -> Workload:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16))
    x = torch.randn(32, 16)
    return Workload(model=model, batch=x, loss=lambda output, batch: (output - batch.tanh()).square().mean())
