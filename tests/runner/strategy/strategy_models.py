"""The model, the data and the loop that the strategies are compared on; run in processes of their own too."""

import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.functional import mse_loss

from autoprec_runner.engine import Engine

STEPS = 20


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = x + self.mlp(self.norm(x))
        return output


class Net(nn.Module):
    """Blocks in a list, a float32 buffer in the stream, norms: what a transformer is to a strategy."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(6, 8)
        self.register_buffer("position", torch.linspace(-1, 1, 8))
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embedding(x) + self.position
        for block in self.blocks:
            x = block(x)
        output: torch.Tensor = self.head(self.norm(x))
        return output

    def training_step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return mse_loss(self(x), y)


class Tied(nn.Module):
    """One weight in two layers, one of them a member of a list."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.layers[1].weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for layer in self.layers:
            x = layer(x)
        return x


def make_net(seed: int = 0) -> Net:
    torch.manual_seed(seed)
    return Net()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.01, eps=1e-2)


def batches(count: int = STEPS) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        yield torch.randn(8, 6, generator=generator), torch.randn(8, 3, generator=generator)


def train(
    engine: Engine,
    model: Any,
    optimizer: Any,
    *,
    data: Iterator[tuple[torch.Tensor, torch.Tensor]] | None = None,
    max_norm: float | None = None,
    accumulate: int = 1,
    share: bool = False,
) -> list[float]:
    """Train, each process on its share of every batch or on all of it; return losses, or norms where it clips."""
    seen = []
    for index, (x, y) in enumerate(data or batches(), start=1):
        if share:
            x, y = (each.chunk(engine.world_size)[engine.rank] for each in (x, y))  # noqa: PLW2901
        loss = mse_loss(model(x), y)
        engine.backward(loss / accumulate)
        if index % accumulate:
            continue
        norm = engine.clip_gradients(model, optimizer, max_norm=max_norm) if max_norm else None
        optimizer.step()
        optimizer.zero_grad()
        seen.append(loss.item() if norm is None else norm.item())
    return seen


def whole(tensor: torch.Tensor) -> torch.Tensor:
    full: torch.Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return full.detach().clone()


def parameters(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: whole(each) for name, each in model.named_parameters()}


def is_first() -> bool:
    return os.environ.get("RANK", "0") == "0"
