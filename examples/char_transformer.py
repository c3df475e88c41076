"""A small GPT, written out, that learns English byte by byte."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from autoprec_runner.workload import Workload
from corpus import VOCABULARY, windows

WIDTH, HEADS, LAYERS, LENGTH, BATCH_SIZE = 256, 4, 4, 128, 16


class Block(nn.Module):
    """Causal attention and a two-layer perceptron, each on normalised input and added to it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query_key_value, self.merge = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Return float[B, T, D] for float[B, T, D]."""
        attended: Tensor = x + self.merge(self.attend(self.norm_attention(x)))
        result: Tensor = attended + self.mlp(self.norm_mlp(attended))
        return result

    def attend(self, x: Tensor) -> Tensor:
        """Let every position look at those before it."""
        batch, length, _ = x.shape
        heads = self.query_key_value(x).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return mixed.transpose(1, 2).reshape(batch, length, WIDTH)


class CharTransformer(nn.Module):
    """Predicts the next byte at every position of a passage."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.position = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)), nn.LayerNorm(WIDTH))
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits float[B, T, 256] for bytes int64[B, T]."""
        positions = torch.arange(ids.shape[1], device=ids.device)
        logits: Tensor = self.head(self.blocks(self.embed(ids) + self.position(positions)))
        return logits


def workload() -> Workload:
    """Return the training with AdamW; the loss (cross entropy) is left to be inferred."""
    return Workload(
        model=CharTransformer(),
        batch=windows(batches=8, batch_size=BATCH_SIZE, length=LENGTH),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=3e-4),
        name="char transformer",
    )
