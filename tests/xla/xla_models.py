"""The model, the data and the loop of these tests; small, because XLA compiles each of them in seconds."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.functional import mse_loss

from autoprec_runner.engine import Engine

STEPS = 20
Batch = tuple[torch.Tensor, torch.Tensor]


class Net(nn.Module):
    """Two layers with one weight, a norm, a frozen layer, and buffers that no conversion may touch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.tied = nn.Linear(8, 8)
        self.tied.weight = self.first.weight
        self.frozen = nn.Linear(8, 8).requires_grad_(requires_grad=False)
        self.head = nn.Linear(8, 2)
        self.register_buffer("wave", torch.tensor([1 + 2j]))
        self.register_buffer("count", torch.tensor(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.tied(self.norm(self.first(x))))
        output: torch.Tensor = self.head(x + self.frozen(x))
        return output


def make_net() -> Net:
    torch.manual_seed(0)
    return Net()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.01, eps=1e-2)


def batches(count: int = STEPS, rows: int = 8) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        x = torch.randn(rows, 8, generator=generator)
        yield x, x[:, :2].sin()


def train(
    engine: Engine,
    model: Any,
    optimizer: Any,
    *,
    steps: int = STEPS,
    max_norm: float | None = None,
    clip_val: float | None = None,
) -> list[float]:
    """Train and return the losses."""
    losses = []
    for x, y in map(engine.to_device, batches(steps)):
        loss = mse_loss(model(x), y)
        engine.backward(loss)
        if max_norm or clip_val:
            engine.clip_gradients(model, optimizer, max_norm=max_norm, clip_val=clip_val)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    return [each.item() for each in losses]


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: each.detach().cpu().clone() for name, each in model.named_parameters()}
