"""A hand-written norm below a level that is learned: after some thirty steps bfloat16 loses the variance.

The level climbs by a half each step. The variance, E[x²] - E[x]², stays at 1 while both terms grow: past a level of
16 they differ by less than bfloat16 resolves, so that the difference becomes zero or negative. Float32 would come to
that at a level of a thousand.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches

WIDTH, LEVEL = 256, 30.0


class Norm(nn.Module):
    """Takes mean and variance out, the variance by the formula that cancels."""

    def forward(self, x: Tensor) -> Tensor:
        """Return float[B, D] for float[B, D]."""
        mean = x.mean(-1, keepdim=True)
        variance = (x * x).mean(-1, keepdim=True) - mean * mean
        return (x - mean) / variance.sqrt()


class Levelled(nn.Module):
    """A perceptron with a norm; returns logits and the level that was added before the norm."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.zeros(()))
        self.enter, self.scale = nn.Linear(64, WIDTH), nn.LayerNorm(WIDTH)
        self.norm, self.head = Norm(), nn.Linear(WIDTH, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits float[B, 10] and a scalar for images float[B, 1, 8, 8]."""
        x = self.scale(self.enter(images.flatten(1))) + self.level
        return self.head(torch.relu(self.norm(x))), self.level


def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return Adam, fast for the level and slow for the rest."""
    given = list(parameters)
    level, others = [each for each in given if each.ndim == 0], [each for each in given if each.ndim > 0]
    return torch.optim.Adam([{"params": level, "lr": 0.5}, {"params": others, "lr": 1e-3}])


def loss(output: tuple[Tensor, Tensor], batch: tuple[Tensor, Tensor]) -> Tensor:
    """Return the cross entropy, and how far the level is from where it belongs."""
    logits, level = output
    return cross_entropy(logits.float(), batch[1]) + 0.01 * (level.float() - LEVEL).abs()


def workload() -> Workload:
    """Return the training on batches of 64."""
    return Workload(
        model=Levelled(),
        batch=in_batches(*digits(), size=64),
        loss=loss,
        optimizer=optimizer,
        name="diverges late",
    )
