"""A causal transformer that learns Python's own sources byte by byte; `decoder_tiny` and `decoder_large` size it."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from autoprec_runner.workload import Workload
from data_sets import VOCABULARY, passages


class Block(nn.Module):
    """Causal attention and a perceptron, each on normalised input and added to it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Return float[B, T, D] for float[B, T, D]."""
        parts = self.query_key_value(self.norm_attention(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        attended: Tensor = x + self.merge(mixed.transpose(1, 2).flatten(-2))
        result: Tensor = attended + self.mlp(self.norm_mlp(attended))
        return result


class Decoder(nn.Module):
    """Predicts the next byte at every position of a passage."""

    def __init__(self, *, width: int, heads: int, layers: int, length: int) -> None:
        super().__init__()
        self.embed, self.position = nn.Embedding(VOCABULARY, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)), nn.LayerNorm(width))
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits float[B, T, 256] for bytes int64[B, T]."""
        positions = torch.arange(ids.shape[1], device=ids.device)
        logits: Tensor = self.head(self.blocks(self.embed(ids) + self.position(positions)))
        return logits


def decoding(*, width: int, heads: int, layers: int, length: int, batch_size: int, name: str) -> Workload:
    """Return the training with AdamW."""
    return Workload(
        model=Decoder(width=width, heads=heads, layers=layers, length=length),
        batch=passages(batches=16, batch_size=batch_size, length=length),
        loss=lambda logits, batch: cross_entropy(logits.flatten(0, 1), batch[1].flatten()),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-3),
        name=name,
    )
