"""An LSTM that learns Python's own sources byte by byte."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from autoprec_runner.workload import Workload
from data_sets import VOCABULARY, passages

WIDTH = 128


class CodeLstm(nn.Module):
    """Predicts the next byte at every position of a passage."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits float[B, T, 256] for bytes int64[B, T]."""
        states, _ = self.lstm(self.embed(ids))
        logits: Tensor = self.head(states)
        return logits


def workload() -> Workload:
    """Return the training with Adam on 16 passages of 32 bytes."""
    return Workload(
        model=CodeLstm(),
        batch=passages(batches=16, batch_size=16, length=32),
        loss=lambda logits, batch: cross_entropy(logits.flatten(0, 1), batch[1].flatten()),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3),
        name="LSTM",
    )
