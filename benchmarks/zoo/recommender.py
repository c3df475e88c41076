"""A recommender with large embeddings: which source of Python's library uses which name?

Most rows of the tables get no gradient in a step, and their second moments stay zero: Adam divides 0 by its eps, which
in float16 is 0 as well.
"""

import zlib

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from autoprec_runner.workload import Workload
from data_sets import in_batches, words

ROWS, WIDTH, CONTEXT = 20_000, 48, 40


class Recommender(nn.Module):
    """Scores a name for a context by the product of their embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts, self.names = nn.Embedding(ROWS, WIDTH), nn.Embedding(ROWS, WIDTH)
        self.mix = nn.Sequential(nn.Linear(2 * WIDTH, 64), nn.ReLU(), nn.Linear(64, 1))
        nn.init.normal_(self.contexts.weight, std=0.1)
        nn.init.normal_(self.names.weight, std=0.1)

    def forward(self, contexts: Tensor, names: Tensor) -> Tensor:
        """Return scores float[B] for rows int64[B] of both tables."""
        left, right = self.contexts(contexts), self.names(names)
        scores: Tensor = (left * right).sum(-1) + self.mix(torch.cat([left, right], -1)).squeeze(-1)
        return scores


def pairs() -> tuple[Tensor, Tensor, Tensor]:
    """Return contexts (40 names in a row), names, and whether a name stands in the context, half of the time."""
    contexts, names = [], []
    for text in words():
        for place, name in enumerate(text):
            contexts.append(f"{text[0]} {place // CONTEXT}")
            names.append(name)
    left, right = torch.tensor(_rows(contexts)), torch.tensor(_rows(names))
    other = right[torch.randperm(len(right), generator=torch.Generator().manual_seed(0))]
    used = torch.cat([torch.ones(len(right)), torch.zeros(len(right))])
    return left.repeat(2), torch.cat([right, other]), used


def _rows(keys: list[str]) -> list[int]:
    """Return the row of each key, the same in every process."""
    return [zlib.crc32(key.encode()) % ROWS for key in keys]


def workload() -> Workload:
    """Return the training with Adam on batches of 512 pairs."""
    return Workload(
        model=Recommender(),
        batch=in_batches(*pairs(), size=512),
        loss=lambda scores, batch: binary_cross_entropy_with_logits(scores, batch[2]),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3),
        name="recommender",
    )
