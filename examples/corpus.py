"""English text that every Python carries: the manual pages behind `help()`, as bytes."""

from pydoc_data.topics import topics

import torch
from torch import Tensor

VOCABULARY = 256
"""Tokens are bytes."""


def windows(*, batches: int, batch_size: int, length: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Return batches of random passages: bytes int64[B, T] and, as targets, the bytes that follow them, int64[B, T]."""
    text = torch.frombuffer(bytearray("\n".join(topics.values()).encode()), dtype=torch.uint8).long()
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(text) - length - 1, (batches, batch_size, 1), generator=generator)
    passages = text[starts + torch.arange(length + 1)]
    return [(each[:, :-1], each[:, 1:]) for each in passages]
