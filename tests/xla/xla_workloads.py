"""Workloads of whole studies under XLA."""

from typing import Any

import torch
from torch import Tensor, nn

Parts = tuple[nn.Module, tuple[Tensor, Tensor], Any]


def small() -> Parts:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, 4))
    return model, (torch.randn(32, 16), torch.randint(0, 4, (32,))), nn.CrossEntropyLoss()


def shapes() -> tuple[nn.Module, list[Tensor], Any]:
    """Batches of two sizes, each with a program of its own."""
    torch.manual_seed(0)
    return nn.Linear(4, 1), [torch.randn(rows, 4) for rows in (8, 8, 5)], lambda output, _: output.square().mean()
