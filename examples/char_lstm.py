"""A two-layer LSTM that learns English byte by byte."""

from torch import Tensor, nn

from autoprec_runner.workload import Workload
from corpus import VOCABULARY, windows

WIDTH = 256


class CharLstm(nn.Module):
    """Predicts the next byte at every position of a passage."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.lstm = nn.LSTM(WIDTH, WIDTH, num_layers=2, batch_first=True)
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits float[B, T, 256] for bytes int64[B, T]."""
        states, _ = self.lstm(self.embed(ids))
        logits: Tensor = self.head(states)
        return logits


def workload() -> Workload:
    """Return the training; the loss (cross entropy) and the optimizer (AdamW) are left to be inferred."""
    return Workload(model=CharLstm(), batch=windows(batches=8, batch_size=16, length=64), name="char LSTM")
