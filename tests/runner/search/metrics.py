"""Workloads with a metric of their own, one factory each."""

from typing import Any

import torch
from torch import nn

from autoprec_runner.workload import Workload


def bits_lost(model: nn.Module, batches: Any) -> float:
    """Return 2 where bf16 can hold every output, else 1."""
    outputs = torch.cat([model(batch).flatten() for batch in batches])
    return 2.0 if torch.equal(outputs, outputs.bfloat16().float()) else 1.0


def always_one(model: nn.Module, batches: Any) -> float:
    return 1.0 + 0.0 * float(model(batches[0]).sum())


def distance_to_one(output: Any, _batch: Any) -> torch.Tensor:
    distance: torch.Tensor = (output - 1).square().mean()
    return distance + 1


def _workload(metric: Any) -> Workload:
    model = nn.Sequential(nn.Linear(1024, 8192), nn.Linear(8192, 8))
    return Workload(model=model, batch=torch.randn(8, 1024), loss=distance_to_one, metric=metric)


def exact() -> Workload:
    return _workload(bits_lost)


def lenient() -> Workload:
    return _workload(always_one)


def wrong() -> Workload:
    return _workload(lambda _model, _batches: [1.0, 2.0])
