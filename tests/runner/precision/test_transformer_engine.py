"""Options, recipes, gates and contexts, with a stand-in for Transformer Engine (fixture `te`)."""

import sys
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_probe.fp8 import Capability
from autoprec_runner.engine import Engine
from autoprec_runner.errors import MissingPackageError, PrecisionError
from autoprec_runner.precision import Precision, TransformerEnginePrecision, resolve_precision
from autoprec_runner.precision.transformer_engine.machine import Machine
from autoprec_runner.testing import PrecisionContract


def on(major: int, minor: int = 0, *, cuda: str = "12.9", cublaslt: str = "12.9.0.13") -> type[Any]:
    """Return the plugin's class as it is on a GPU of this compute capability."""
    machine = Machine(capability=(major, minor), cuda=cuda, cublaslt=cublaslt, device="cpu")
    return type("TransformerEnginePrecision", (TransformerEnginePrecision,), {"machine": machine})


def recipe_inside(te: Any, plugin: Precision) -> Any:
    with plugin.forward_context():
        assert te._state.enabled
        return te._state.recipe


@pytest.mark.usefixtures("te")
class TestTransformerEngine(PrecisionContract):
    def make(self) -> Precision:
        return TransformerEnginePrecision()

    def make_model(self) -> nn.Module:
        return small_model(self.tied)

    def make_inputs(self) -> torch.Tensor:
        return torch.randn(16, 16, generator=torch.Generator().manual_seed(1))

    tied = True


@pytest.mark.usefixtures("te")
class TestTransformerEngineFloat16(TestTransformerEngine):
    def make(self) -> Precision:
        return TransformerEnginePrecision(torch.float16)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(16, 16)
        self.tied = nn.Linear(16, 16)
        self.norm = nn.LayerNorm(16)
        self.frozen = nn.Linear(16, 16, bias=False).requires_grad_(requires_grad=False)
        self.register_buffer("floating", torch.ones(4))
        self.register_buffer("integer", torch.arange(4))
        self.register_buffer("flag", torch.ones(4, dtype=torch.bool))
        self.register_buffer("wave", torch.tensor([1 + 2j], dtype=torch.complex64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.frozen(self.norm(self.tied(torch.relu(self.first(x)))))
        return hidden


def small_model(tied: bool) -> nn.Module:
    torch.manual_seed(0)
    model = Small()
    if tied:
        model.tied.weight = model.first.weight
    return model
