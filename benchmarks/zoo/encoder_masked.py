"""A transformer encoder that fills gaps in Python's own sources, with dropout."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from autoprec_runner.workload import Workload
from data_sets import VOCABULARY, passages

WIDTH, LENGTH, MASK = 128, 48, 0


class MaskedEncoder(nn.Module):
    """Predicts the bytes behind a mask from both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.position = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(LENGTH, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits float[B, T, 256] for bytes int64[B, T], some of them 0."""
        positions = torch.arange(ids.shape[1], device=ids.device)
        logits: Tensor = self.head(self.encoder(self.embed(ids) + self.position(positions)))
        return logits


def gaps() -> list[tuple[Tensor, Tensor]]:
    """Return passages in which every seventh byte is masked, and the whole passages."""
    whole = [ids for ids, _ in passages(batches=16, batch_size=12, length=LENGTH)]
    hidden = torch.arange(LENGTH) % 7 == 3  # noqa: PLR2004 (any of the seven would do)
    return [(ids.masked_fill(hidden, MASK), ids) for ids in whole]


def workload() -> Workload:
    """Return the training with AdamW; the loss is that of the masked bytes alone."""
    return Workload(
        model=MaskedEncoder(),
        batch=gaps(),
        loss=lambda logits, batch: cross_entropy(logits[batch[0] == MASK], batch[1][batch[0] == MASK]),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-3),
        name="masked encoder",
    )
