"""Workloads of trials with several processes, one factory each: some misbehave in one of the processes."""

import os
import signal
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Parts = tuple[nn.Module, tuple[Tensor, Tensor], Any]


class Trap(nn.Module):
    """Springs in the process of rank 1, at its fourth training step in bfloat16."""

    def __init__(self, spring: Callable[[], object]) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 1))
        self._spring = spring
        self._steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self._steps += torch.is_grad_enabled()
        if self._steps == 4 and os.environ.get("RANK") == "1" and x.dtype is torch.bfloat16:
            self._spring()
        output: Tensor = self.layers(x)
        return output


def _workload(spring: Callable[[], object]) -> Parts:
    torch.manual_seed(0)
    return Trap(spring), (torch.randn(16, 8), torch.randn(16, 1)), nn.MSELoss()


def _raise(error: Exception) -> None:
    raise error


def behaves() -> Parts:
    return _workload(lambda: None)


def exits() -> Parts:
    return _workload(lambda: os._exit(7))


def is_killed() -> Parts:
    return _workload(lambda: os.kill(os.getpid(), signal.SIGKILL))


def segfaults() -> Parts:
    return _workload(lambda: os.kill(os.getpid(), signal.SIGSEGV))


def raises() -> Parts:
    return _workload(lambda: _raise(ValueError("rank one has had enough")))


def runs_out_of_memory() -> Parts:
    return _workload(lambda: _raise(MemoryError("no more")))


def hangs() -> Parts:
    return _workload(signal.pause)


def exits_while_loading() -> Parts:
    if os.environ.get("RANK") == "1":
        os._exit(7)
    return behaves()
