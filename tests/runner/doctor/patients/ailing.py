"""Workloads that each have something a rule of the doctor is about. They are loaded in children only."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload

Optimizer = Callable[[Any], torch.optim.Optimizer]


def network(width: int = 64, out: int = 16) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out))


def trained(model: nn.Module, width: int = 64, *, rows: int = 32, optimizer: Optimizer | None = None) -> Workload:
    batch = torch.randn(rows, width, generator=torch.Generator().manual_seed(0))
    return Workload(model=model, batch=batch, loss=lambda output, _: output.square().mean(), optimizer=optimizer)


def adam() -> Workload:
    return trained(network(), optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3))


def adam_with_a_large_eps() -> Workload:
    return trained(network(), optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3, eps=1e-4))


def adam_with_a_denormal_eps() -> Workload:
    return trained(network(), optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3, eps=1e-41))


def fused_adam() -> Workload:
    return trained(network(), optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, fused=True))


def sgd() -> Workload:
    return trained(network(), optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1e-6, momentum=0.9))


def lbfgs() -> Workload:
    return trained(network(), optimizer=torch.optim.LBFGS)


def tiny_learning_rate() -> Workload:
    return trained(network(), optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=torch.tensor(1e-6)))


def given_in_bf16() -> Workload:
    return Workload(model=network().bfloat16(), batch=torch.randn(32, 64, dtype=torch.bfloat16))


def rounded_to_bf16() -> Workload:
    return trained(network().bfloat16().float())


def a_huge_weight() -> Workload:
    model = network()
    model[2].bias.data[3] = -70_000.0  # type: ignore[operator]
    return trained(model)


class TakesDoubles(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 16)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.float())  # type: ignore[no-any-return]


def doubles() -> Workload:
    batch = torch.randn(32, 64, dtype=torch.float64)
    return Workload(model=TakesDoubles(), batch=batch, loss=lambda output, _: output.square().mean())


def compiled() -> Workload:
    model: nn.Module = torch.compile(network(), backend="eager")  # type: ignore[assignment]
    return trained(model)


def misfits() -> Workload:
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10), nn.Linear(10, 10), nn.Linear(10, 10))
    return trained(model, rows=30)


def attention() -> Workload:
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    return Workload(model=layer, batch=torch.randn(2, 16, 64), mode="inference")


def convolutions() -> Workload:
    return Workload(model=nn.Conv2d(1, 4, 3), batch=torch.randn(16, 1, 8, 8), mode="inference")


def large_layers() -> Workload:
    return Workload(model=nn.Linear(1040, 4112), batch=torch.randn(16, 1040), mode="inference")


def odd() -> Workload:
    return trained(network(), rows=25)


def served() -> Workload:
    return Workload(model=network(), batch=torch.randn(32, 64), mode="inference")
