"""Contrastive learning: two noisy views of the same digit belong together, those of different ones do not."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches

TEMPERATURE = 0.1


class TwoViews(nn.Module):
    """Returns how alike the views of a batch are."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 16, 64),
        )

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Return similarities over temperature, float[B, B], for images float[B, 1, 8, 8]."""
        left, right = normalize(self.encoder(one), dim=-1), normalize(self.encoder(other), dim=-1)
        return left @ right.T / TEMPERATURE


def workload() -> Workload:
    """Return the training with Adam on batches of 64 pairs; the loss is InfoNCE."""
    images, _ = digits()
    generator = torch.Generator().manual_seed(0)
    views = [images + 0.15 * torch.randn(images.shape, generator=generator) for _ in range(2)]
    return Workload(
        model=TwoViews(),
        batch=in_batches(*views, size=64),
        loss=lambda alike, _: cross_entropy(alike, torch.arange(len(alike), device=alike.device)),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
        name="contrastive",
    )
