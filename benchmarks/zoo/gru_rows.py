"""A GRU that reads digits row by row."""

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches

WIDTH = 128


class RowReader(nn.Module):
    """Names a digit after its last row."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, WIDTH, num_layers=2, batch_first=True)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float[B, 10] for images float[B, 1, 8, 8]."""
        states, _ = self.gru(images[:, 0])
        logits: Tensor = self.head(states[:, -1])
        return logits


def workload() -> Workload:
    """Return the training with Adam on batches of 64."""
    return Workload(
        model=RowReader(),
        batch=in_batches(*digits(), size=64),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=2e-3),
        name="GRU",
    )
