"""Workloads whose steps show something to measure, one factory each."""

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload

torch.set_num_threads(1)
WIDTH = 64
LEAK = 2**17


class Leaking(nn.Module):
    """A linear model that keeps half a megabyte of every step, in some dtypes."""

    def __init__(self, *dtypes: torch.dtype) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        self._dtypes = dtypes
        self._kept: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype in self._dtypes:
            self._kept.append(torch.ones(LEAK))
        if x.dtype is torch.float32:
            time.sleep(1e-2)  # so that every other precision is the faster one
        output: Tensor = self.linear(x)
        return output


class Deep(nn.Module):
    """Many operations on next to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(500):
            x = x * self.scale
        return x


def _trained(model: nn.Module, batch: object) -> Workload:
    """Train an output to vanish; its loss ends at 1, not at 0, beside which every difference would be large."""
    return Workload(model=model, batch=batch, loss=lambda output, _: 1 + output.square().mean())


def plain() -> Workload:
    return _trained(nn.Sequential(nn.Linear(WIDTH, 512), nn.ReLU(), nn.Linear(512, WIDTH)), torch.randn(32, WIDTH))


def leaks_in_half() -> Workload:
    return _trained(Leaking(torch.bfloat16), torch.randn(4, WIDTH))


def leaks_in_fp16() -> Workload:
    return _trained(Leaking(torch.float16), torch.randn(4, WIDTH))


def has_a_fixed_batch() -> Workload:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(4, 1))  # one for each sample

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale

    return _trained(Fixed(), torch.randn(4, WIDTH))


def starves() -> Workload:
    def batches() -> Iterator[Tensor]:
        while True:
            time.sleep(0.05)
            yield torch.randn(4, WIDTH)

    return _trained(nn.Linear(WIDTH, WIDTH), batches())


def starts_much() -> Workload:
    return _trained(Deep(), torch.randn(1))
